"""The papers' networks: sizes, names and gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is an extra: install apexcam[train]")

from torch.nn import functional  # noqa: E402

from engines.errors import InputError  # noqa: E402
from engines.networks import fused_stream, names, open_network  # noqa: E402
from engines.networks.ststnet import MergedSTSTNet, PlainSTSTNet, STSTNet  # noqa: E402

# What the papers (or, for the three made for photographs, their published implementations) state, 3 classes.
COUNTS = {
    "ststnet": 1_683,
    "ststnet-plain": 1_683,
    "off-apexnet": 2_664_475,
    "dual-inception": 6_480_300,  # paper 002, table 7: 6.4803 M
    "fr": 10_241_800,  # paper 002, table 7: 10.2418 M
}


def count(network):
    return sum(p.numel() for p in network.parameters())


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.mark.parametrize("name", [n for n in names() if n not in ("alexnet", "vgg16")])
def test_every_network_gives_logits_and_learns(name):
    network = open_network(name, 3)
    maps, labels = torch.rand(4, 3, 28, 28), torch.tensor([0, 1, 2, 0])
    own = getattr(network, "training_loss", None)
    loss = own(maps, labels, None)[1] if own else functional.cross_entropy(network.train()(maps), labels)
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())
    logits = network.eval()(maps)
    assert logits.shape == (4, 3)
    torch.testing.assert_close(network(maps[:1]), logits[:1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("name", "expected"), COUNTS.items())
def test_parameter_counts_are_the_papers(name, expected):
    assert count(open_network(name)) == pytest.approx(expected, rel=5e-5)


def test_a_fourth_class_costs_what_the_paper_says():
    assert count(open_network("dual-inception", 4)) == pytest.approx(6_481_300, rel=5e-5)
    assert count(open_network("fr", 4)) == pytest.approx(11_423_100, rel=5e-5)


def test_networks_made_for_photographs_have_torchvisions_names_and_sizes():
    # names and total sizes for 1000 classes as torchvision has them
    with torch.device("meta"):
        alexnet, vgg, googlenet = (open_network(name, 1000) for name in ("alexnet", "vgg16", "googlenet"))
    assert (count(alexnet), count(vgg), count(googlenet)) == (61_100_840, 138_357_544, 13_004_888)
    state = {key: tuple(value.shape) for key, value in alexnet.state_dict().items()}
    assert state["features.10.weight"] == (256, 256, 3, 3) and state["classifier.6.weight"] == (1000, 4096)
    state = {key: tuple(value.shape) for key, value in vgg.state_dict().items()}
    assert state["features.28.weight"] == (512, 512, 3, 3) and state["classifier.0.weight"] == (4096, 25088)
    state = {key: tuple(value.shape) for key, value in googlenet.state_dict().items()}
    assert state["inception4e.branch2.1.conv.weight"] == (320, 160, 3, 3)
    assert state["inception3a.branch4.1.bn.running_mean"] == (32,) and state["aux2.fc1.weight"] == (
        1024,
        2048,
    )
    assert state["conv1.conv.weight"] == (64, 3, 7, 7) and state["fc.weight"] == (1000, 1024)


def test_the_fused_stream_is_torchs_own_chain(monkeypatch):
    network, maps = STSTNet(), torch.rand(33, 3, 28, 28)
    with torch.no_grad():
        network.norm.weight.uniform_(0.5, 1.5)
        network.norm.bias.normal_()
    keep = fused_stream._dropout_mask((16, 100, 33))
    assert set(np.unique(keep)) == {0, 2} and abs(keep.mean() - 1) < 0.02
    monkeypatch.setattr(fused_stream, "_dropout_mask", lambda shape: keep)
    logits = network.train()(maps)
    pull = torch.randn_like(logits)
    (logits * pull).sum().backward()
    fused = [p.grad.clone() for p in network.parameters()]
    statistics = network.norm.running_mean.clone(), network.norm.running_var.clone()

    network.zero_grad()
    network.norm.reset_running_stats()
    kept = torch.from_numpy(keep).permute(2, 0, 1).reshape(33, 16, 10, 10)
    pooled = functional.relu(functional.max_pool2d(network.convolution(maps * 255), 3, 3, 1))
    plain = network.fc(functional.avg_pool2d(network.norm(pooled) * kept, 2).flatten(1))
    (plain * pull).sum().backward()
    torch.testing.assert_close(logits, plain, atol=1e-4, rtol=1e-4)
    for a, p in zip(fused, network.parameters(), strict=True):
        torch.testing.assert_close(a, p.grad, atol=float(p.grad.abs().max()) * 1e-4 + 1e-6, rtol=0)
    torch.testing.assert_close(statistics[0], network.norm.running_mean)
    torch.testing.assert_close(statistics[1], network.norm.running_var)


def test_the_shrunk_ststnet_is_the_published_one_at_rest():
    plain, shrunk = PlainSTSTNet().eval(), STSTNet().eval()
    with torch.no_grad():
        for norm in plain.norms:
            norm.running_mean.uniform_(0, 50)
            norm.running_var.uniform_(1, 900)
        shrunk.convolution.weight.copy_(torch.cat([c.weight for c in plain.convolutions]))
        shrunk.convolution.bias.copy_(torch.cat([c.bias for c in plain.convolutions]))
        shrunk.norm.running_mean.copy_(torch.cat([n.running_mean for n in plain.norms]))
        shrunk.norm.running_var.copy_(torch.cat([n.running_var for n in plain.norms]))
        shrunk.fc.load_state_dict(plain.fc.state_dict())
        maps = torch.rand(5, 3, 28, 28)
        torch.testing.assert_close(shrunk(maps), plain(maps), atol=1e-4, rtol=1e-4)


def test_merging_networks_averages_their_logits():
    members = [STSTNet().eval() for _ in range(3)]
    with torch.no_grad():
        for member in members:
            member.norm.running_mean.uniform_(0, 50)
            member.norm.running_var.uniform_(1, 900)
            member.norm.weight.uniform_(-0.5, 1.5)  # even where a gain is negative
        maps = torch.rand(6, 3, 28, 28)
        mean = torch.stack([member(maps) for member in members]).mean(0)
        torch.testing.assert_close(MergedSTSTNet(members)(maps), mean, atol=1e-4, rtol=1e-4)


def test_attention_weighs_and_its_losses_reach_every_detector():
    network = open_network("fr", 3)
    maps, labels = torch.rand(4, 3, 28, 28), torch.tensor([0, 1, 2, 1])
    specific = network.specific(maps)
    assert len(specific) == 3 and specific[0].shape == (4, 1024)
    torch.testing.assert_close(network.features(maps), specific[0] + specific[1] + specific[2])
    _, loss = network.training_loss(maps, labels, None)
    logits = network.eval()(maps)
    assert loss > functional.cross_entropy(logits, labels) * 0.5
    loss.backward()
    assert all(d[0].weight.grad.abs().sum() > 0 for d in network.detectors)


def test_an_unknown_network_is_refused_with_the_list():
    with pytest.raises(InputError, match="choose one of ststnet, "):
        open_network("resnet")
