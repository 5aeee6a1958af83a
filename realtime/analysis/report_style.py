"""The style sheet of the report: light, dark and print."""

from typing import Final

_LIGHT: Final = (
    "--ink:#1b1f24;--soft:#5b6675;--line:#d8dce2;--ground:#f3f5f7;--card:#fff;--curve:#2b5fd9;--level:#8a94a3;"
    "--negative:#c8283c;--positive:#12825a;--surprise:#b86e00;--micro:#5b6675;--macro:#6d4bc3;--blink:#8a94a3;"
    "--lost:#e9c9c5"
)
STYLE: Final = (
    """
:root{color-scheme:light dark;"""
    + _LIGHT
    + """}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#343b46;--ground:#12151a;
--card:#1b1f26;--curve:#7ba0ff;--level:#6b7686;--negative:#ff7080;--positive:#4fd09a;--surprise:#f3b14e;
--micro:#9aa5b4;--macro:#a78bfa;--blink:#8590a0;--lost:#4d2e2c}}
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--ground);
margin:0 auto;max-width:1140px;padding:1.2rem 1.2rem 3rem;font-variant-numeric:tabular-nums}
h1{font-size:1.6rem;margin:0}header p{margin:.1rem 0 1rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
.soft,small{color:var(--soft)}p{margin:.3rem 0}
.problem,.again{padding:.6rem .9rem;border-radius:8px;background:var(--card);border-left:4px solid var(--surprise)}
.again{border-color:var(--positive);margin-bottom:.7rem}
.tiles{display:flex;flex-wrap:wrap;gap:.7rem}.tiles div{background:var(--card);border-radius:10px;padding:.7rem 1rem;
flex:1 1 9rem;display:flex;flex-direction:column;border:1px solid var(--line)}
.tiles b{font-size:1.7rem;line-height:1.2}.tiles span{font-size:.9rem}
.timeline,.events article,table{background:var(--card);border:1px solid var(--line);border-radius:10px}
.timeline{padding:.6rem .8rem}svg{display:block;width:100%;height:auto;overflow:visible}
.timeline svg+svg{margin-top:.5rem}
text{font-size:11px;fill:var(--soft)}text.tick{font-size:10px}text.name{font-weight:600}
path{fill:none;vector-effect:non-scaling-stroke}
.curve{stroke:var(--curve);stroke-width:1.4;stroke-linejoin:round}.level{stroke:var(--level);stroke-dasharray:4 3}
.base{stroke:var(--line)}.not{stroke:var(--soft);stroke-width:1.6}.mark{stroke:var(--soft);stroke-dasharray:2 2}
rect.lost{fill:var(--lost);opacity:.55}rect.band{opacity:.22}.apex{stroke-width:1.6}
.key{white-space:nowrap;margin-left:.9rem}.key i{display:inline-block;width:18px;height:10px;margin-right:.35rem;
vertical-align:middle}.k-level{border-bottom:2px dashed var(--level);height:0!important}
.k-band{background:linear-gradient(90deg,transparent 45%,var(--positive) 45% 55%,transparent 55%),
color-mix(in srgb,var(--positive) 25%,transparent)}.k-lost{background:var(--lost)}
.k-not::before{content:"\\00d7";display:block;font:700 17px/9px system-ui;color:var(--soft);text-align:center}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.9rem;overflow:hidden}
th,td{white-space:nowrap;text-align:left;padding:.3rem .6rem;border-top:1px solid var(--line)}
thead th{border:0;color:var(--soft);
font-weight:500}.n{text-align:right}a{color:inherit}
.events{display:grid;gap:.8rem}.events article{padding:.8rem 1rem;border-left-width:4px;break-inside:avoid;min-width:0}
.blinks{grid-template-columns:repeat(auto-fill,minmax(330px,1fr))}
.not.events{grid-template-columns:repeat(auto-fill,minmax(250px,1fr))}.not article{padding:.5rem .8rem}
.not.events p{font-size:.85rem;margin:0 0 .2rem}
h3{font-size:1.1rem;margin:0}h3 span{font-weight:400;color:var(--soft);margin-left:.4rem}
.events p.soft{font-size:.88rem}
.strip{display:flex;gap:4px;margin:.5rem 0}.strip figure{flex:0 1 118px;min-width:0}
figure{margin:0}figure img,.none{width:100%;aspect-ratio:140/170;border-radius:5px;display:block;background:#8883}
figcaption{font-size:.75rem;color:var(--soft);text-align:center;white-space:nowrap}
.at img{outline:2px solid var(--curve);outline-offset:-2px}.at figcaption b{color:var(--ink)}
.blinks .strip figure{flex-basis:44px}.blinks figcaption{font-size:.6rem;overflow:hidden}
.measured{display:grid;grid-template-columns:118px 118px minmax(150px,1fr) minmax(0,2.2fr);gap:4px 14px;
align-items:start}
.macros .zoom{max-width:640px}
.bar{display:grid;grid-template-columns:4.6rem 1fr 2.6rem;gap:.5rem;align-items:center;font-size:.85rem;
padding:.3rem 0}.bar div{background:var(--line);border-radius:4px}.bar i{display:block;height:.55rem;border-radius:4px}
.bar span:last-child{text-align:right}
footer{margin-top:2rem;font-size:.85rem}
@media(max-width:760px){.measured{grid-template-columns:1fr 1fr}.bars,.zoom{grid-column:1/-1}
table{display:block;overflow-x:auto}
.strip figcaption{font-size:.55rem}.timeline{overflow-x:auto}.timeline svg{min-width:900px}}
@media print{body{background:#fff;max-width:none;padding:0;font-size:12px;print-color-adjust:exact;
-webkit-print-color-adjust:exact}.timeline svg{break-inside:avoid}h2{break-after:avoid}}
"""
    + "".join(
        f"b.{name}{{color:var(--{name})}}i.{name}{{background:var(--{name})}}"
        f"rect.{name}{{fill:var(--{name})}}path.apex.{name}{{stroke:var(--{name})}}"
        f"text.{name}{{fill:var(--{name})}}.events .c-{name}{{border-left-color:var(--{name})}}"
        for name in ("negative", "positive", "surprise", "micro", "macro", "blink")
    )
)
