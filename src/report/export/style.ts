// The report's looks: dark and light as the reader has it, from a phone's width to a desk's, and on paper.
export const STYLE = `
:root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--soft:#57606a;--line:#d8dee4;--card:#f6f8fa;--good:#1a7f4b;--bad:#c62f2f;--warn:#9a6700;--rest:#8c959f;--busy:#2068c9;--mark:#7a3ec8}
@media (prefers-color-scheme:dark){:root{--page:#0f1318;--text:#e6eaef;--soft:#9aa5b1;--line:#303842;--card:#181e25;--good:#3fb37a;--bad:#f26d6d;--warn:#d8a132;--rest:#6b7682;--busy:#5b9df5;--mark:#b68af0}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1rem 3rem;max-width:64rem;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums}
h1{font-size:1.5rem;margin:0}h2{font-size:1.125rem;margin:2.5rem 0 .5rem}p{margin:.25rem 0 .75rem}
.soft,figcaption,small{color:var(--soft)}figure{margin:0}figcaption{font-size:.875rem;margin-top:.5rem}
.progress{display:flex;height:1.25rem;border-radius:.375rem;overflow:hidden;background:var(--line);gap:2px;margin:1rem 0 .5rem}
.progress span{min-width:3px}.completed{background:var(--good);fill:var(--good)}.failed{background:var(--bad);fill:var(--bad)}.quarantined{background:var(--warn);fill:var(--warn)}
.cancelled{background:var(--rest)}.running{background:var(--busy)}.pending{background:var(--line)}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:0;list-style:none;font-size:.9375rem}
.legend i{display:inline-block;width:.75rem;height:.75rem;border-radius:2px;margin-right:.375rem;border:1px solid transparent}.legend .pending{border-color:var(--rest)}
.legend .alive{background:var(--line)}.legend .line{height:0;width:1.5rem;border-radius:0;border:0;border-top:2px dashed var(--mark);vertical-align:middle}.legend .p90{border-top-style:dotted}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:.75rem;margin:1.5rem 0 0}
dl div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.625rem .75rem}dt{color:var(--soft);font-size:.875rem}dd{margin:0;font-size:1.125rem;font-weight:600;line-height:1.3}dd small{display:block;font-size:.8125rem;font-weight:400}
.chart{position:relative;padding:.5rem 0 1.75rem 3rem}.chart svg{display:block;width:100%;height:13rem;overflow:visible}
.scale{position:absolute;left:0;top:.5rem;bottom:1.75rem;width:2.5rem}.scale span{position:absolute;right:0;transform:translateY(50%);font-size:.8125rem;line-height:1;color:var(--soft)}
.labels{position:relative;height:1.5rem;margin-bottom:-1.5rem}.labels span{position:absolute;top:.25rem;font-size:.8125rem;color:var(--soft);white-space:nowrap;padding-left:.25rem;border-left:1px solid var(--line)}
.grid{stroke:var(--line);fill:none;vector-effect:non-scaling-stroke}.mark{stroke:var(--mark);stroke-width:2;stroke-dasharray:6 4;vector-effect:non-scaling-stroke}.mark.p90{stroke-dasharray:2 4}
.lanes{display:grid;grid-template-columns:max-content 1fr max-content;gap:.125rem .75rem;align-items:center;font-size:.875rem;padding-bottom:1.75rem}
.lanes .labels{grid-column:2}.lanes h3{grid-column:1/-1;font-size:.875rem;font-weight:400;color:var(--soft);margin:.5rem 0 0;overflow-wrap:anywhere}
.lane{display:block;width:100%;height:1.5rem}.life{fill:var(--line)}.busy{fill:var(--busy)}.l1{opacity:.35}.l2{opacity:.55}.l3{opacity:.75}.trouble.l1{opacity:.6}.trouble.l2{opacity:.75}.trouble{fill:var(--bad)}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9375rem}th,td{text-align:left;vertical-align:top;padding:.375rem .75rem .375rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);font-size:.8125rem;white-space:nowrap}td.n,th.n{text-align:right;white-space:nowrap}td.n:last-child,th.n:last-child{padding-right:0}td.what{overflow-wrap:anywhere;min-width:12rem;width:100%}td.name{white-space:nowrap}
td small{display:block;overflow-wrap:anywhere}
@media (max-width:40rem){.chart{padding-left:2.25rem}.scale{width:1.875rem}.chart svg{height:10rem}.labels span:nth-child(even){display:none}dl{grid-template-columns:1fr 1fr}.wide{display:none}th,td{padding-right:.5rem}td.what{min-width:9rem}}
@media print{body{max-width:none}h2{break-after:avoid}figure,tr{break-inside:avoid}*{print-color-adjust:exact}}
`.trim();
