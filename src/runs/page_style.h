#pragma once

/// The style sheet of report pages. Colours are variables, so that dark mode is one block.
namespace mmi::runs {

inline constexpr const char* kPageStyle = R"css(
:root{color-scheme:light dark;--bg:#f7f7f5;--card:#fff;--ink:#1d2129;--soft:#5d6675;--line:#e2e4e8;
--grid:#eceef1;--accent:#0b62c4;--tint:#e9f2fd;--s0:#1f6fd0;--s1:#d9580d;--s2:#1a8754;--s3:#8a4bc9;
--s4:#c2255c;--s5:#7a6a1f}
@media (prefers-color-scheme:dark){:root{--bg:#14171c;--card:#1c2027;--ink:#e6e9ee;--soft:#9aa4b2;
--line:#2f353f;--grid:#282e37;--accent:#6cb2ff;--tint:#1d2f45;--s0:#62a8f8;--s1:#ff9552;--s2:#4cc38a;
--s3:#b794f6;--s4:#f783ac;--s5:#d4bf57}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif}
main{max-width:62rem;margin:0 auto;padding:3rem 1.5rem 4rem}
h1{font-size:2.1rem;line-height:1.2;letter-spacing:-.02em;margin:0}
h2{font-size:1.35rem;line-height:1.3;letter-spacing:-.01em;margin:3rem 0 1rem;scroll-margin-top:1rem}
h3{font-size:1.05rem;margin:2rem 0 .5rem}
p{margin:.75rem 0;max-width:44rem}
a{color:var(--accent);text-underline-offset:.15em}
.subtitle{color:var(--soft);font-size:1.1rem;margin:.5rem 0 0;max-width:none}
nav{display:flex;flex-wrap:wrap;gap:.4rem 1.25rem;margin-top:1.5rem;padding-top:1rem;
border-top:1px solid var(--line);font-size:.9rem}
nav a{text-decoration:none}
nav a:hover{text-decoration:underline}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.15rem;
margin:1.25rem 0}
.stats{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:1rem;margin:1.5rem 0}
.stats>div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.9rem 1.15rem}
.stats b{display:block;font-size:1.75rem;line-height:1.25;font-weight:650;letter-spacing:-.02em;
font-variant-numeric:tabular-nums}
.stats span{display:block;font-size:.9rem}
.stats small{display:block;color:var(--soft);font-size:.8rem}
.side{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1.25rem;
margin:1.25rem 0}
.side>*{margin:0;min-width:0}
.scroll{overflow-x:auto;padding:.35rem .5rem}
table{border-collapse:collapse;width:100%;font-size:.93rem;font-variant-numeric:tabular-nums}
caption{caption-side:bottom;text-align:left;color:var(--soft);font-size:.87rem;padding:.7rem .65rem .35rem}
th,td{padding:.5rem .65rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:600;font-size:.82rem;white-space:nowrap;vertical-align:bottom}
tbody tr:last-child td{border-bottom:0}
tbody tr:hover td{background:var(--grid)}
tbody tr.best td{background:var(--tint);font-weight:600}
.num{text-align:right;white-space:nowrap}
figure img,figure video{display:block;max-width:100%;height:auto;border-radius:6px;margin:0 auto}
figure video{width:100%;background:#000}
figure audio{display:block;width:100%}
figcaption{color:var(--soft);font-size:.87rem;line-height:1.45;margin-top:.7rem}
.chart-title{font-weight:600;font-size:.97rem;margin:0 0 .35rem;max-width:none}
.empty{color:var(--soft);margin:1rem 0}
.chart{overflow-x:auto}
.chart svg{display:block;width:100%;min-width:min(var(--w),36rem);height:auto;font-size:12.5px;
font-variant-numeric:tabular-nums;overflow:visible}
.side .chart svg{min-width:20rem}
svg text{fill:var(--soft)}
svg .label{font-size:12.5px}
svg .name,svg .value{fill:var(--ink)}
svg .strong{font-weight:650}
.grid-line{stroke:var(--grid)}
.axis{stroke:var(--soft);stroke-opacity:.7}
.mark{stroke:var(--soft);stroke-dasharray:4 4}
.line{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.faint{stroke-width:1;stroke-opacity:.3}
.dashed{stroke-dasharray:6 5}
.bar{fill:var(--c);fill-opacity:.85}
.quiet .bar{fill-opacity:.42}
.whisker{stroke:var(--ink);stroke-width:1.5}
.hit circle{fill:transparent}
.hit:hover .dot{fill:var(--c);stroke:var(--card);stroke-width:1.5}
.c0{--c:var(--s0)}.c1{--c:var(--s1)}.c2{--c:var(--s2)}.c3{--c:var(--s3)}.c4{--c:var(--s4)}.c5{--c:var(--s5)}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.85rem;color:var(--ink);margin:.1rem 0 .5rem}
.legend span{display:inline-flex;align-items:center;gap:.4rem}
.legend svg{width:22px;height:8px}
pre,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",
monospace;font-size:.86em}
code{background:var(--grid);border-radius:4px;padding:.1em .35em}
pre{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.9rem 1.15rem;
overflow-x:auto;line-height:1.5;margin:1.25rem 0;tab-size:2}
details{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:1.25rem 0}
details pre{border:0;border-top:1px solid var(--line);border-radius:0;margin:0;white-space:pre-wrap;
overflow-wrap:anywhere}
summary{cursor:pointer;padding:.7rem 1.15rem;font-weight:600;font-size:.95rem}
.download{margin:.6rem 0}
@media (max-width:40rem){main{padding:1.75rem 1rem 3rem}h1{font-size:1.6rem}h2{margin-top:2.25rem}
.stats b{font-size:1.4rem}
.card{padding:.85rem .8rem}}
@media print{body{background:#fff}.card,.stats>div,details{break-inside:avoid}nav{display:none}}
)css";

}  // namespace mmi::runs
