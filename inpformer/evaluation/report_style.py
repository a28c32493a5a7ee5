"""Looks of the report: light and dark as the reader's system is, and fit for a telephone."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --ink: #1f2937; --faint: #5b6472; --page: #ffffff; --card: #f6f7f9; --line: #d5d9e0;
  --blue: #0072b2; --orange: #d55e00; --green: #009e73; --violet: #8e4585;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ef; --faint: #a4adbb; --page: #14171c; --card: #1d2128; --line: #3a414d;
    --blue: #56b4e9; --orange: #ef8a47; --green: #35c79a; --violet: #cc79a7;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 16px; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6em; line-height: 1.25; margin: 8px 0; }
h2 { font-size: 1.3em; margin: 40px 0 8px; border-top: 1px solid var(--line); padding-top: 20px; }
h3 { font-size: 1.1em; margin: 32px 0 6px; }
h4 { font-size: 1em; margin: 18px 0 4px; }
p { margin: 6px 0; }
a { color: var(--blue); }
.faint { color: var(--faint); font-size: 0.9em; }
.frame { overflow-x: auto; margin: 8px 0; border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 600; background: var(--card); }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--page);
  max-width: 240px; white-space: normal; min-width: 110px; }
thead th:first-child { background: var(--card); }
tbody th { font-weight: 400; }
.mean > * { font-weight: 600; border-top: 2px solid var(--line); }
.best { color: var(--green); font-weight: 600; }
.charts { display: grid; gap: 8px 20px;
  grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr)); }
.confusion { max-width: 420px; }
.confusion th { white-space: normal; }
.figures { display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fill, minmax(min(230px, 46%), 1fr)); }
figure { margin: 0; }
figure img { width: 100%; max-height: 260px; object-fit: contain; border-radius: 4px;
  display: block; background: var(--card); }
figcaption { font-size: 0.82em; line-height: 1.35; margin-top: 4px; }
details { border: 1px solid var(--line); border-radius: 8px; padding: 6px 12px; margin: 10px 0; }
summary { cursor: pointer; font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(90px, auto) 1fr; gap: 2px 16px; margin: 8px 0; }
dt { color: var(--faint); }
dd { margin: 0; }
.problems { border-left: 4px solid var(--orange); }
nav { display: flex; flex-wrap: wrap; gap: 4px 14px; margin: 10px 0; }
.chart > svg { width: 100%; max-width: 540px; height: auto; display: block; }
.chart .legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 0.9em; }
.chart .legend svg { vertical-align: middle; }
.chart .line { fill: none; stroke-width: 2.5; stroke: var(--blue); }
.chart .line-1 { stroke: var(--orange); }
.chart .line-2 { stroke: var(--green); }
.chart .line-3 { stroke: var(--violet); }
.chart .bar-0 { fill: var(--blue); fill-opacity: 0.7; }
.chart .bar-1 { fill: var(--orange); fill-opacity: 0.3; stroke: var(--orange); stroke-width: 2; }
.chart .cut { stroke: var(--ink); stroke-width: 2; stroke-dasharray: 5 3; }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart .tick { fill: var(--ink); font-size: 12px; text-anchor: middle; }
.chart .tick.left { text-anchor: end; }
@media print { details { border: 0; } h3 { break-after: avoid; } figure { break-inside: avoid; } }
"""
