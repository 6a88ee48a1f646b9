"""
How a report looks: light and dark, wide and narrow.

All text has a contrast of at least 4.5 to what is behind it, in both schemes;
the tests measure it in a browser.
"""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root{color-scheme:light dark;
--page:#f6f7f8;--card:#fff;--text:#1b2126;--soft:#56606a;--line:#dfe3e7;--track:#e9edf0;
--s0:#2860b5;--s1:#0d7d74;--s2:#b4610a;--s3:#7d4bb8;--s4:#8a949e;--s5:#c0392f;
--good:#0b6b4f;--odd:#8a5a00;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{
--page:#12161a;--card:#1a2025;--text:#e7ebee;--soft:#a4b0ba;--line:#313a42;
--track:#2a3238;
--s0:#7fb2ff;--s1:#4cc9bb;--s2:#f0a659;--s3:#c4a2f5;--s4:#8b98a4;--s5:#ff8a80;
--good:#5fd3a6;--odd:#edb95a;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);
font:400 16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",
sans-serif}
main,header,footer{max-width:1080px;margin:0 auto;padding:0 20px}
header{padding-top:32px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;font-weight:650;letter-spacing:-.01em}
h2{font-size:20px;line-height:1.3;margin:0 0 4px;font-weight:650}
h3{font-size:15px;margin:18px 0 4px;font-weight:600}
h3 small{display:block;font-size:13px;font-weight:400;color:var(--soft)}
p{margin:0 0 12px;overflow-wrap:anywhere}
.lead{font-size:17px;margin-bottom:16px}
figure>.muted{margin:10px 0 0}
.muted,.subtitle,footer{color:var(--soft);font-size:14px}
code{font:13px/1.4 ui-monospace,"Liberation Mono",Menlo,monospace;
overflow-wrap:anywhere}
bdi{overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:14px;margin:20px 0 0;
padding:0;
list-style:none}
.tiles a{display:flex;flex-direction:column;gap:2px;height:100%;padding:14px 16px;
background:var(--card);color:inherit;border:1px solid var(--line);
border-top:4px solid var(--s4);
border-radius:10px;text-decoration:none}
.tiles a:hover,.tiles a:focus-visible{border-color:var(--s0)}
.tiles .name{font-size:13px;color:var(--soft)}
.tiles .value{font-size:22px;line-height:1.25;font-weight:650;overflow-wrap:anywhere}
.tiles .value.text{font-size:17px}
.tiles .note{font-size:13px;color:var(--soft);overflow-wrap:anywhere}
.tiles .good{border-top-color:var(--good)}.tiles .bad{border-top-color:var(--bad)}
.tiles .odd{border-top-color:var(--odd)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:20px 22px;margin:18px 0;scroll-margin-top:12px}
figure{margin:22px 0 0}
figcaption{font-weight:600;margin-bottom:8px}
svg{display:block;width:100%;height:auto}
svg text{font-size:13px;fill:var(--soft)}
svg .end{text-anchor:end}svg .middle{text-anchor:middle}
svg .grid{stroke:var(--line);stroke-width:1}
svg .range{stroke:currentColor;stroke-width:2;opacity:.45}
.s0{fill:var(--s0);color:var(--s0)}.s1{fill:var(--s1);color:var(--s1)}
.s2{fill:var(--s2);color:var(--s2)}.s3{fill:var(--s3);color:var(--s3)}
.s4{fill:var(--s4);color:var(--s4)}.s5{fill:var(--s5);color:var(--s5)}
.swatch{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:7px;
background:currentColor;flex:none}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;padding:0;margin:0 0 8px;
list-style:none;
font-size:14px}
.legend li{display:flex;align-items:center;min-width:0}
.narrow{display:none}
.cells{display:grid;grid-template-columns:repeat(3,1fr);gap:18px}
.cells h3{margin-top:4px}
.cells .s0 circle{fill:var(--s0)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:12px 20px;
margin:0}
dt{font-size:13px;color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin:8px 0}
table{border-collapse:collapse;width:100%;font-size:14px}
caption{text-align:left;color:var(--soft);padding-bottom:4px}
th{font-weight:600;color:var(--soft);white-space:nowrap}
th,td{text-align:left;vertical-align:top;padding:6px 14px 6px 0;
border-bottom:1px solid var(--line)}
th bdi{white-space:normal}
td{min-width:5.5em}
td:first-child{min-width:12em}time{white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums}
tbody tr:last-child td{border-bottom:0}
details{margin-top:12px;font-size:14px}
summary{cursor:pointer;color:var(--soft)}
.shares{list-style:none;padding:0;margin:10px 0 0;display:grid;gap:14px}
.shares li{display:grid;grid-template-columns:1fr auto;gap:3px 16px;align-items:end}
.shares .what{overflow-wrap:anywhere;min-width:0}
.shares .said{text-align:right;font-size:14px;color:var(--soft)}
.shares .said strong{color:var(--text);font-weight:600}
.shares .below{grid-column:1/-1;font-size:14px;color:var(--soft)}
.bar{grid-column:1/-1;display:block;height:8px;border-radius:4px;
background:var(--track);
overflow:hidden}
.fill{display:block;height:100%;min-width:3px;border-radius:4px;background:currentColor}
.bad{color:var(--bad)}.odd{color:var(--odd)}.good{color:var(--good)}
.tiles .bad,.tiles .odd,.tiles .good{color:inherit}
.sum{font-size:17px;line-height:2.1}
.term{white-space:nowrap;border-bottom:3px solid var(--s4);padding-bottom:2px}
.s1-edge{border-color:var(--s1)}.bad-edge{border-color:var(--bad)}
.s4-edge{border-color:var(--s4)}.odd-edge{border-color:var(--odd)}
footer{padding-bottom:40px}
@media (max-width:880px){.tiles{grid-template-columns:repeat(2,1fr)}
.wide{display:none}.narrow{display:block;max-width:600px}
.cells{grid-template-columns:1fr;max-width:460px}}
@media (max-width:520px){main,header,footer{padding-left:12px;padding-right:12px}
section{padding:16px 14px}.tiles{gap:10px}.tiles a{padding:12px}
.tiles .value{font-size:19px}.tiles .value.text{font-size:15px}
.shares li{grid-template-columns:1fr}.shares .said{text-align:left}}
@media print{body{background:#fff}section{break-inside:avoid}}
"""
