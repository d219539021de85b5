// The one script of our own: times in the reader's zone, copying, the theme, the search key, charts.
"use strict";
(() => {
  const root = document.documentElement;
  const stored = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  if (stored()) root.dataset.theme = stored();

  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  const times = (within) => {
    for (const time of within.querySelectorAll("time[datetime]:not([data-seen])")) {
      const at = new Date(time.dateTime);
      if (isNaN(at)) continue;
      time.dataset.seen = "";
      time.title = at.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
      time.textContent = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    }
  };

  const charts = (within) => {
    if (typeof uPlot === "undefined") return;
    const colours = ["--accent", "--warn", "--bad", "--good"].map((name) => {
      const probe = document.body.appendChild(document.createElement("i"));
      probe.style.color = `var(${name})`;
      const colour = getComputedStyle(probe).color;
      probe.remove();
      return colour;
    });
    const dim = isDark() ? "#a7adb7" : "#585d65";
    const grid = { stroke: isDark() ? "#333943" : "#dcdcd5", width: 1 };
    for (const figure of within.querySelectorAll("[data-chart]:not([data-seen])")) {
      figure.dataset.seen = "";
      const data = JSON.parse(figure.dataset.chart);
      const names = JSON.parse(figure.dataset.lines);
      const series = [{}].concat(names.map((label, at) => ({ label, stroke: colours[at % colours.length], width: 1.5 })));
      const axis = { stroke: dim, grid, ticks: grid, font: "12px system-ui" };
      const width = () => Math.max(240, figure.clientWidth);
      const plot = new uPlot({ width: width(), height: 170, series, axes: [axis, { ...axis, size: 56 }], scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } } }, data, figure);
      addEventListener("resize", () => plot.setSize({ width: width(), height: 170 }));
    }
  };

  const fresh = (within) => { times(within); charts(within); };

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
      });
    }
    fresh(document);
  });
  document.addEventListener("htmx:afterSettle", () => fresh(document));
})();
