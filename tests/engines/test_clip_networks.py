"""Networks of clips: the papers' sizes, hand-computed values, pretrained weights."""

import json
import struct

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is an extra: install apexcam[train]")

from engines.errors import InputError  # noqa: E402
from engines.networks import NETWORKS, frames, open_network  # noqa: E402
from engines.networks.c3d import C3D  # noqa: E402
from engines.networks.capsule_net import CapsuleNet, route, squash  # noqa: E402
from engines.networks.mobilenet_v2 import MobileNetV2, flow_pictures  # noqa: E402
from engines.networks.mscnn import over_sample  # noqa: E402
from engines.networks.resnet import RESNET_10, ResNet  # noqa: E402
from engines.networks.weights import load_weights, read_state  # noqa: E402


def count(network):
    return sum(p.numel() for p in network.parameters())


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def small(monkeypatch):
    """Pictures of 64x64 instead of 224x224: the same networks, a twelfth of the work."""
    monkeypatch.setattr(frames, "SIDE", 64)


def clips(name, n=2):
    crop = torch.randint(256, (n, 170, 140), dtype=torch.uint8)
    colour = crop.unsqueeze(3).repeat(1, 1, 1, 3)
    if name.startswith("atnet"):
        return {"apex": colour, "motion": torch.randn(n, 64, 128)}
    if name.startswith("mscnn"):
        return {"flow": colour, "grey": crop, "masked": crop}
    if name.startswith("mobilenet") and not name.endswith("apex"):
        return torch.randn(n, 2, 170, 140)
    return colour


ALIKE = {
    *("capsulenet", "mobilenetv2-v", "mobilenetv2-softmax"),
    *("mscnn-grey", "mscnn-flow-grey", "mscnn-flow-masked", "mscnn-plain"),
}


@pytest.mark.parametrize(
    "name", [n for n, row in NETWORKS.items() if row.inputs != "flow-map" and n not in ALIKE]
)
def test_every_network_of_clips_gives_logits_and_learns(name, small):
    network, given = open_network(name, 5), clips(name)
    labels = torch.tensor([0, 4])
    own = getattr(network, "training_loss", None)
    loss = own(given, labels, None)[1] if own else torch.nn.functional.cross_entropy(network(given), labels)
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    logits = network.eval()(given)
    first = {k: v[:1] for k, v in given.items()} if isinstance(given, dict) else given[:1]
    assert logits.shape == (2, 5)
    torch.testing.assert_close(network(first), logits[:1], atol=1e-4, rtol=1e-4)


def test_residual_networks_have_the_published_names_and_sizes():
    with torch.device("meta"):
        eighteen, ten = ResNet(), ResNet(RESNET_10)
    assert count(eighteen) + 512 * 1000 + 1000 == 11_689_512  # torchvision's ResNet-18 with its classifier
    # stem 9,536, then one block a stage: 73,984 + 230,144 + 919,040 + 3,673,088
    assert count(ten) == 4_905_792
    shapes = {key: tuple(value.shape) for key, value in eighteen.state_dict().items()}
    assert shapes["layer2.0.downsample.0.weight"] == (128, 64, 1, 1)
    assert shapes["layer4.1.bn2.running_mean"] == (512,) and shapes["conv1.weight"] == (64, 3, 7, 7)
    assert set(ten.state_dict()) < set(eighteen.state_dict())


def test_atnet_is_as_large_as_paper_001_says(small):
    atnet = open_network("atnet")
    # two LSTM layers of 512: 4 * 512 * (128 + 512 + 2) and 4 * 512 * (512 + 512 + 2); 1024 values to 3 classes
    assert count(atnet) == 4_905_792 + 4 * 512 * 642 + 4 * 512 * 1026 + 1024 * 3 + 3
    fused = atnet.eval().features(clips("atnet"))
    assert fused.shape == (2, 1024)
    for stream in (fused[:, :512], fused[:, 512:]):  # eq. 7
        torch.testing.assert_close(stream.norm(dim=1), torch.ones(2))
    assert open_network("atnet-temporal").features(clips("atnet")).shape == (2, 512)


def test_mobilenet_is_table_1_of_paper_003():
    network = MobileNetV2(1000).eval()
    assert count(network) == 3_504_872  # torchvision's
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert shapes["features.1.conv.1.weight"] == (16, 32, 1, 1)  # no expansion in the first bottleneck
    assert shapes["features.2.conv.0.0.weight"] == (96, 16, 1, 1)
    assert shapes["features.18.0.weight"] == (1280, 320, 1, 1) and shapes["classifier.1.weight"] == (
        1000,
        1280,
    )
    x, sizes = torch.zeros(1, 3, 224, 224), []
    with torch.no_grad():
        for layer in network.features:
            x = layer(x)
            sizes.append((x.shape[2], x.shape[1]))
    # table 1: input of each row, one entry a change
    assert list(dict.fromkeys(sizes)) == [
        (112, 32),
        (112, 16),
        (56, 24),
        (28, 32),
        (14, 64),
        (14, 96),
        (7, 160),
        (7, 320),
        (7, 1280),
    ]


def test_a_flow_becomes_a_picture_with_no_motion_grey():
    flows = torch.zeros(1, 2, 10, 10)
    flows[0, 0, :, :5], flows[0, 1, 0, 5:] = 2.0, -1.0
    both, u, v = (flow_pictures(flows, parts) for parts in ((0, 1), (0,), (1,)))
    assert both.shape == u.shape == v.shape == (1, 3, 10, 10)
    assert both[0, 0, 3, 2] == 1 and both[0, 1, 0, 7] == 0.25 and (both[0, 2] == 0.5).all()
    assert both[0, 0, 9, 9] == 0.5 and (u[0, 0] == u[0, 2]).all() and v[0, 1, 0, 7] == 0.25
    assert (flow_pictures(flows * 0) == 0.5).all()


def test_the_over_sampler_makes_every_class_as_common():
    labels = torch.tensor([0, 0, 0, 2, 2, 4])
    chosen = over_sample(labels)
    assert chosen[:6].tolist() == [0, 1, 2, 3, 4, 5] and len(chosen) == 9
    assert torch.bincount(labels[chosen]).tolist() == [3, 0, 3, 0, 3]
    torch.manual_seed(3)
    first = over_sample(labels)
    torch.manual_seed(3)
    assert torch.equal(first, over_sample(labels))


def test_mscnn_weighs_its_batch_by_the_over_sampler(small):
    network, given = open_network("mscnn-flow", 2), clips("mscnn", 4)
    labels = torch.tensor([0, 0, 0, 1])
    logits, loss = network.training_loss(given, labels, None)
    each = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    # the one rare clip counts three times
    torch.testing.assert_close(loss, (each[:3].sum() + 3 * each[3]) / 6)


def test_capsules_route_and_squash_as_published():
    # a length of 3 becomes 9 / 10, direction kept
    torch.testing.assert_close(squash(torch.tensor([0.0, 3.0])), torch.tensor([0.0, 0.9]))
    # two lower capsules agree on class 0 and contradict each other on class 1
    votes = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, -1.0]]]])
    lengths = route(votes).norm(dim=-1)[0]
    assert lengths[1] < 1e-6 and lengths[0] > squash(torch.tensor([1.0, 0.0])).norm()
    torch.testing.assert_close(
        route(votes, 1)[0, 0], squash(torch.tensor([1.0, 0.0]))
    )  # shares of a half, two votes


def test_capsule_net_has_1152_primary_capsules_and_learns():
    network, given = CapsuleNet(), clips("capsulenet")
    assert network.votes.shape == (3, 32 * 6 * 6, 16, 8)
    assert count(network) == 2_782_784 + (256 * 256 * 81 + 256) + 3 * 1152 * 16 * 8
    logits, loss = network.training_loss(given, torch.tensor([0, 2]), None)
    lengths = logits.exp()
    truth = torch.tensor([[1, 0, 0], [0, 0, 1.0]])
    expected = (
        truth * (0.9 - lengths).clamp_min(0) ** 2 + 0.5 * (1 - truth) * (lengths - 0.1).clamp_min(0) ** 2
    )
    torch.testing.assert_close(loss, expected.sum(1).mean())
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_c3d_has_the_published_names_and_sizes():
    with torch.device("meta"):
        network = C3D()
    convolutions = 5_248 + 221_312 + 884_992 + 1_769_728 + 3_539_456 + 3 * 7_078_400
    assert count(network) == convolutions + 8192 * 4096 + 4096 + 4096 * 4096 + 4096
    assert network.conv3b.weight.shape == (256, 256, 3, 3, 3)
    with torch.device("meta"):
        first, second = network(torch.empty(1, 16, 112, 112, dtype=torch.uint8))
    assert first.shape == second.shape == (1, 4096)


def safetensors(path, state):
    header, body = {}, b""
    for name, tensor in state.items():
        content = tensor.numpy().tobytes()
        kind = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
        header[name] = {
            "dtype": kind,
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(content)],
        }
        body += content
    text = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def test_weights_of_resnet_18_fill_every_stream_that_has_its_names(tmp_path):
    published = ResNet().state_dict() | {"fc.weight": torch.ones(1000, 512), "fc.bias": torch.ones(1000)}
    torch.save({"state_dict": published}, tmp_path / "r.pth")
    safetensors(tmp_path / "r.safetensors", published)
    for file in ("r.pth", "r.safetensors"):
        for name in ("atnet-spatial", "mscnn-flow-grey", "capsulenet", "micro-attention"):
            network = open_network(name)
            load_weights(network, tmp_path / file, 3)
            for backbone in network.backbones():
                state = backbone.state_dict()
                assert torch.equal(state["layer2.0.conv1.weight"], published["layer2.0.conv1.weight"])
    assert set(read_state(tmp_path / "r.pth")) == set(read_state(tmp_path / "r.safetensors"))


def test_a_classifier_of_other_classes_keeps_its_own_values(tmp_path):
    published = MobileNetV2(7).state_dict()
    torch.save(published, tmp_path / "m.pt")
    network = open_network("mobilenetv2", 3)
    mine = network.classifier[1].weight.clone()
    load_weights(network, tmp_path / "m.pt", 3)
    assert torch.equal(network.classifier[1].weight, mine)
    assert torch.equal(network.state_dict()["features.18.0.weight"], published["features.18.0.weight"])


class Planted:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read the weights"),
        (b"not weights", "is no file of weights"),
        ({"conv1.weight": torch.zeros(64, 3, 3, 3)}, r"has conv1.weight as \(64, 3, 3, 3\)"),
        ({"bn1.weight": torch.zeros(64)}, "has no conv1.weight"),
        ([1, 2], "holds no state_dict of tensors"),
        (Planted(), "is no file of weights"),
    ],
)
def test_unusable_weights_are_one_line(tmp_path, capsys, content, message):
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(InputError, match=message) as refused:
        load_weights(open_network("atnet-spatial"), path, 3)
    assert "\n" not in str(refused.value) and "executed" not in capsys.readouterr().out


def test_a_model_without_a_pretrained_part_says_so(tmp_path):
    torch.save(ResNet().state_dict(), tmp_path / "w.pth")
    with pytest.raises(InputError, match="no pretrained part"):
        load_weights(open_network("atnet-temporal"), tmp_path / "w.pth", 3)


def test_a_cut_safetensors_file_is_refused(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", 90) + b"{")
    with pytest.raises(InputError, match="is no file of weights"):
        read_state(tmp_path / "w.safetensors")


def test_pictures_are_normalised_as_imagenets():
    crop = torch.full((1, 170, 140), 255, dtype=torch.uint8)
    seen = frames.photographs(crop)
    assert seen.shape == (1, 3, 224, 224)
    expected = (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(seen[0, :, 100, 100], expected, rtol=1e-5)
