import { DARK, DARK_BACKGROUND, FONT } from '../figures/theme.js';

/** Rules that give what figures draw its colors in a dark page: a filter over a picture would also change contrasts. */
function darkColors(): string {
  return Object.entries(DARK)
    .flatMap(([light, dark]) =>
      ['fill', 'stroke'].map((property) => `:is(.plot,.key,.swatch) [${property}="${light}" i]{${property}:${dark}}`),
    )
    .join('');
}

/** The page's style: light, dark and print; contrast of text at least 4.5 to 1. */
export const STYLE = `
:root{color-scheme:light dark;--fg:#1a1a1a;--bg:#fff;--soft:#555;--line:#d0d0d0;--panel:#f6f6f6;--link:#0b5394;--field:#767676;--shade:#0003}
@media (prefers-color-scheme:dark){:root{--fg:#e8e8e8;--bg:#161616;--soft:#b5b5b5;--line:#444;--panel:#222;--link:#8ab4f8;--field:#8f8f8f;--shade:#fff4}}
*{box-sizing:border-box}html{scroll-padding-top:.5rem}body{margin:0;color:var(--fg);background:var(--bg);font:16px/1.5 ${FONT}}
main{max-width:62rem;margin:0 auto;padding:1rem 1rem 4rem}h1{line-height:1.2;margin:.2em 0}h2{margin-top:2.6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem;line-height:1.25}h3{margin:1.6rem 0 .4rem;line-height:1.3}h4{width:0;min-width:100%;margin:.2rem 0;font-size:.9rem;text-align:center;font-weight:600}
a{color:var(--link)}.small{color:var(--soft);font-size:.86rem;margin:.35rem 0}.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.lead{font-size:1.08rem;margin:.3rem 0}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:.5rem;background:var(--bg);padding:.3rem;z-index:9}:focus-visible{outline:3px solid var(--link);outline-offset:2px}abbr{text-decoration:underline dotted;cursor:help}
.anchor{text-decoration:none;color:var(--soft);font-weight:400;padding:0 .2em}#said{position:fixed;right:1rem;bottom:1rem;margin:0;z-index:9;background:var(--fg);color:var(--bg);padding:.3rem .8rem;border-radius:4px}#said:empty{display:none}
#contents ul{list-style:none;padding:0;margin:0}#contents{margin:.8rem 0;font-size:.9rem}#contents>ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem}#contents ul ul{display:none}
@media (min-width:1180px){#contents{position:fixed;top:0;bottom:0;left:0;width:14rem;margin:0;overflow-y:auto;padding:1.2rem 1rem 2rem;border-right:1px solid var(--line);font-size:.82rem;line-height:1.35}#contents>ul{display:block}#contents ul ul{display:block;padding-left:.7rem;margin:.1rem 0 .5rem}#contents li{margin:.22rem 0}#contents a{text-decoration:none}#contents a[aria-current]{font-weight:700}body{padding-left:14rem}}
h1 a{color:inherit;text-decoration:none}.pager{display:flex;justify-content:space-between;gap:1rem;margin-top:2.5rem}.pager a[rel=next]{margin-left:auto}.cites{display:flex;flex-wrap:wrap;gap:.3rem 1.5rem;font-size:.9rem}.cite{min-width:0;max-width:100%}.cite pre,pre.rows{background:var(--panel);padding:.6rem;overflow:auto;font-size:.78rem;line-height:1.35;max-height:20rem;margin:.4rem 0}
dl.summary{margin:.5rem 0;font-size:.93rem}dl.summary div{display:grid;grid-template-columns:9.5rem 1fr;gap:0 1rem;padding:.18rem 0;border-bottom:1px solid var(--line)}dl.summary dt{font-weight:600}dl.summary dd{margin:0}
.takeaways{padding-left:1.3rem;margin:.5rem 0}.takeaways li{margin:.35rem 0}.hero{display:grid;grid-template-columns:1fr 1fr;gap:1rem;margin:.8rem 0}.hero figure{margin:0}.hero .panels{gap:.3rem}.hero .key{font-size:.78rem}
figure{margin:1.5rem 0;padding:1rem;border:1px solid var(--line);border-radius:6px;min-width:0}figure h3{margin:0;font-size:1.08rem}.kicker{color:var(--soft);font-size:.86rem;margin:.1rem 0 .5rem}figcaption{font-size:.92rem}figcaption p{margin:.4rem 0}
.panels{display:flex;flex-wrap:wrap;align-items:flex-end;gap:.6rem 1rem;justify-content:center}.panel{min-width:0;max-width:100%}.plot{background:#fff;border-radius:4px;position:relative}.plot svg{display:block;max-width:100%;height:auto}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;justify-content:center;padding:0;margin:.4rem 0;font-size:.85rem}.key li{display:flex;align-items:center;gap:.4rem}
@media screen and (prefers-color-scheme:dark){.plot,.plot svg{background:${DARK_BACKGROUND}!important}${darkColors()}}
.actions{min-height:1.9rem;display:flex;flex-wrap:wrap;gap:.3rem .5rem;font-size:.82rem;justify-content:center}.tools{visibility:hidden;font-size:.86rem}.scripted .tools{visibility:visible}.tools>div{display:flex;flex-wrap:wrap;gap:.3rem 1rem;align-items:center;margin:.3rem 0}.tools label{white-space:nowrap}.tools fieldset{border:0;padding:0;margin:0;display:flex;flex-wrap:wrap;gap:.1rem .8rem;min-width:0}
.tools legend{float:left;padding:0 .6rem 0 0;color:var(--soft)}button,select,input{font:inherit;color:inherit}button,select{background:var(--panel);border:1px solid var(--field);border-radius:4px;padding:.1rem .5rem}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--bg);color:var(--fg);border:1px solid var(--field);border-radius:4px;padding:.3rem .5rem;font-size:.82rem;box-shadow:0 2px 8px #0004;max-width:22rem}
#tip table{margin:0;font-size:inherit}#tip td,#tip th{padding:0 .5rem 0 0;border:0;background:none;font-weight:400}#tip th{color:var(--soft)}
.scroll{overflow-x:auto;max-height:32rem}.wide{overflow-x:auto}.scroll,.wide{background:linear-gradient(90deg,var(--bg) 40%,transparent) 0 0/2.5rem 100% local,linear-gradient(270deg,var(--bg) 40%,transparent) 100% 0/2.5rem 100% local,linear-gradient(90deg,var(--shade),transparent) 0 0/.9rem 100% scroll,linear-gradient(270deg,var(--shade),transparent) 100% 0/.9rem 100% scroll;background-repeat:no-repeat}.sideways{display:none}table{border-collapse:collapse;font-size:.9rem;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
thead th{background:var(--panel);position:sticky;top:0}table.pairs{width:100%;min-width:640px}table.pairs td{width:28%}table.pairs td:first-child{width:44%}
table.matrix{width:100%;font-size:.86rem}.matrix thead th{position:static;text-align:center;padding:.2rem .2rem;font-weight:600}.matrix thead th:first-child{text-align:left}.matrix td{text-align:center;padding:.15rem .15rem;white-space:nowrap}.matrix th[scope=row]{font-weight:400;padding:.15rem .4rem .15rem 0}.mark{white-space:nowrap;margin-right:.9em}.matrix .part th{background:var(--panel);padding:.3rem .4rem}.matrix a{text-decoration:none;margin:0 1px}.matrix thead td{border:0}
.badge{display:inline-block;padding:.02rem .45rem;border-radius:1rem;font-weight:600;font-size:.82rem;border:1px solid currentColor;white-space:nowrap}
.yes{color:#0b5394;background:#e3eefb}.no{color:#8f2d00;background:#fde9df}.open{color:#5f4b00;background:#fdf3cf}.none{color:#444;background:#eee}
details.claims{margin-top:.6rem;font-size:.92rem}.claims>summary{font-weight:600}.claim{border-left:3px solid var(--line);padding:.1rem 0 .1rem .8rem;margin:.7rem 0}.claim p{margin:.2rem 0}.claim .anchor{text-decoration:underline}.claim:target,figure:target{border-color:var(--link)}.evidence{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.care h2{margin:.5rem 0;border:0;font-size:1.1rem}.care{border-left:4px solid #b58900;padding:.2rem 1rem;background:var(--panel);overflow-wrap:anywhere}code{background:var(--panel);padding:0 .25em;border-radius:3px;overflow-wrap:anywhere}summary{cursor:pointer}
.dials{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.5rem 1.5rem;margin:.8rem 0}.dials label{display:block;font-size:.9rem}.dials input{width:100%;margin:0;accent-color:var(--link)}.dials output{float:right;font-variant-numeric:tabular-nums}
.plots{display:flex;flex-wrap:wrap;gap:1rem}.plots .plot{flex:1 1 20rem;min-width:0}
@media (max-width:1220px){.sideways{display:block;font-weight:600}}
@media (max-width:800px){.hero{grid-template-columns:1fr}}
@media (max-width:640px){dl.summary div{grid-template-columns:1fr}figure{padding:.7rem .5rem;margin:1.2rem -.4rem}.matrix th[scope=row]{min-width:9rem;position:sticky;left:0;background:var(--bg)}}
@media print{@page{size:A4;margin:14mm}:root{--fg:#000;--bg:#fff;--soft:#333;--line:#bbb;--panel:#f4f4f4;--link:#000;color-scheme:light}html{font-size:9pt}body{padding:0;font-size:9pt;line-height:1.35}main{max-width:none;padding:0}h1{font-size:16pt}h2{margin-top:1.2rem}a{text-decoration:none}
.plot svg{max-height:52mm}.panel:not(:only-child) .plot svg{width:auto}.panel:first-child:nth-last-child(n+3),.panel:first-child:nth-last-child(n+3)~.panel{flex:0 0 31%}.panel:first-child:nth-last-child(n+4),.panel:first-child:nth-last-child(n+4)~.panel{flex:0 0 22.5%}.panel:only-child .plot svg{max-height:115mm;max-width:105mm}.hero{grid-template-columns:1fr 1fr}.hero .plot svg{max-height:44mm!important;width:auto!important}.matrix th[scope=row]{width:46%}table.matrix,dl.summary{font-size:8pt}.claim{font-size:7.5pt;margin:.3rem 0}.claim p{margin:.08rem 0}.claim .small,.claim .badge{font-size:inherit}.matrix td,.matrix th[scope=row]{padding-top:.05rem;padding-bottom:.05rem}
#contents{position:static;width:auto;border:0;padding:0;font-size:7.5pt;columns:2}#contents>ul{display:block}#contents ul ul{display:block;padding-left:1em}#contents li{break-inside:avoid-column}
.sideways,.tools,.actions,.anchor,.skip,#tip,#said,button,.pager,.cite,#laboratory-section,details.data,.scripted .tools,a[download]{display:none}figure{break-inside:avoid;border:0;padding:0;margin:1rem 0}figure:has(details.claims[open]){break-inside:auto}figure .panels,.claim,h2,h3,tr,dl.summary div{break-inside:avoid}h2,h3,.kicker{break-after:avoid}details.claims>summary{break-after:avoid}.scroll,.wide,pre{overflow:visible;max-height:none}.badge{print-color-adjust:exact}}`;
