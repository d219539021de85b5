// The one script of our own: times in the reader's zone, copying, the theme, the search key, charts.
"use strict";
(() => {
  const root = document.documentElement;
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  if (stored()) root.dataset.theme = stored();

  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  const read = (at, timeStyle = "short") => at.toLocaleString(undefined, { dateStyle: "medium", timeStyle });

  const times = (within) => {
    for (const time of within.querySelectorAll("time[datetime]:not([data-seen])")) {
      const at = new Date(time.dateTime);
      if (isNaN(at)) continue;
      time.dataset.seen = "";
      time.title = at.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
      // Many calls come in one minute.
      time.textContent = read(at, time.closest("#calls") ? "medium" : "short");
    }
    // An option has nothing but text in it.
    for (const option of within.querySelectorAll("option:not([data-seen])")) {
      option.dataset.seen = "";
      const text = option.text.replace(/(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/g, (_, day, time) => read(new Date(`${day}T${time}Z`)));
      if (text !== option.text) option.text = text;
    }
  };

  const plots = [];
  const redraw = () => { for (const plot of plots) plot.redraw(false); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  // The table below a chart is its legend: what it says of the last moment, it says of where the pointer is.
  const legend = (figure, plot) => {
    const heading = figure.querySelector(".numbers thead th:nth-child(2)");
    const cells = [...figure.querySelectorAll(".numbers tbody td:nth-child(2)")];
    const before = [heading, ...cells].map((one) => one.textContent);
    const said = (number) => number === null || number === undefined ? "–" : number.toLocaleString(undefined, { maximumFractionDigits: 2 });
    return () => {
      const at = plot.cursor.idx;
      const isAway = at === null || at === undefined;
      heading.textContent = isAway ? before[0] : new Date(plot.data[0][at] * 1000).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
      cells.forEach((cell, line) => { cell.textContent = isAway ? before[line + 1] : said(plot.data[line + 1][at]); });
    };
  };

  const charts = (within) => {
    if (typeof uPlot === "undefined") return;
    const colour = (name) => () => {
      const probe = document.body.appendChild(document.createElement("i"));
      probe.style.color = `var(${name})`;
      const found = getComputedStyle(probe).color;
      probe.remove();
      return found;
    };
    const colours = ["--accent", "--warn", "--bad"].map(colour);
    const dashes = [[], [7, 4], [2, 3]];
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--dim"), grid, ticks: grid, font: "12px system-ui" };
    const short = { notation: "compact", maximumFractionDigits: 2 };
    const [time, day] = [{ timeStyle: "short" }, { month: "short", day: "numeric" }].map((style) => new Intl.DateTimeFormat(undefined, style));
    const moments = (_, values) => values.map((value) => {
      const at = new Date(value * 1000);
      return (at.getHours() + at.getMinutes() === 0 ? day : time).format(at);
    });
    const numbers = (_, values) => values.map((value) => value.toLocaleString(undefined, short));
    for (const place of within.querySelectorAll("[data-chart]:not([data-seen])")) {
      place.dataset.seen = "";
      const data = JSON.parse(place.dataset.chart);
      const series = data.map((_, at) => at === 0 ? {} : { stroke: colours[(at - 1) % colours.length], width: 1.5, dash: dashes[(at - 1) % dashes.length] });
      const size = () => ({ width: Math.max(240, place.clientWidth), height: 170 });
      let told = () => {};
      const plot = new uPlot({
        ...size(), series, axes: [{ ...axis, size: 32, space: 80, values: moments }, { ...axis, size: 56, values: numbers }], legend: { show: false },
        scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
        hooks: { setCursor: [() => told()] },
      }, data, place);
      told = legend(place.closest("figure"), plot);
      plots.push(plot);
      new ResizeObserver(() => plot.setSize(size())).observe(place);
    }
  };

  const fresh = (within) => { times(within); charts(within); };

  // What follows by itself is left alone when it is the same. Where it is another, the keyboard stays on what it was on, of the
  // same row.
  const place = (one) => one.cloneNode(false).outerHTML + (one.closest("tr")?.querySelector("a")?.href ?? "");
  let kept = null;
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { target, xhr } = detail;
    kept = null;
    // A refusal that has the piece in it is shown, for it says why there.
    if (xhr.status >= 400 && xhr.responseText.includes(`id="${target.id}"`)) {
      detail.shouldSwap = true;
      detail.isError = false;
    }
    if (!target.dataset.shown) return;
    if (xhr.responseText.includes(`id="${target.id}" data-shown="${target.dataset.shown}"`)) detail.shouldSwap = false;
    else if (target.contains(document.activeElement)) kept = place(document.activeElement);
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (!kept) return;
    const all = document.querySelectorAll("[data-shown] :is(a, button, [tabindex])");
    [...all].find((one) => place(one) === kept)?.focus({ preventScroll: true });
    kept = null;
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      const before = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = before; }, 1500);
    } catch {
      const code = button.previousElementSibling;
      if (code) getSelection().selectAllChildren(code);
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select")) return;
    const field = document.querySelector("[data-key='/']");
    if (field) { event.preventDefault(); field.focus(); field.select(); }
  });

  document.addEventListener("DOMContentLoaded", () => {
    const theme = document.querySelector("[data-theme-switch]");
    const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
    if (theme) {
      theme.hidden = false;
      label();
      theme.addEventListener("click", () => {
        root.dataset.theme = isDark() ? "light" : "dark";
        try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private windows */ }
        label();
        redraw();
      });
    }
    fresh(document);
    // On a narrow screen the menu is a row: the part of it is seen where one is.
    const here = document.querySelector(".tabs [aria-current]");
    const show = () => { here.parentElement.scrollLeft = here.offsetLeft - (here.parentElement.clientWidth - here.offsetWidth) / 2; };
    if (here) {
      show();
      addEventListener("resize", show);
    }
  });
  document.addEventListener("htmx:afterSettle", () => fresh(document));
})();
