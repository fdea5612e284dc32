// Draws the trends with uPlot. Dragging zooms: the server sends the extremes of the new window.
"use strict";

(() => {
  const root = document.getElementById("trends");
  if (!root || typeof uPlot === "undefined") return;

  const REFRESH_MS = 5000;
  const AXIS_PX = 64;
  const MARK_PX = 2.5;
  // Smallest interval of the ticks in seconds, their format, and what is added in a new year, month, day, hour, minute.
  const DATE = "\n{D} {MMM} {YYYY}";
  const TIMES = [
    [86400 * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", DATE, null, DATE, null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", DATE, null, DATE, null, null, null, 1],
    [0.001, "{HH}:{mm}:{ss}.{fff}", DATE, null, DATE, null, null, null, 1],
  ];
  const tags = JSON.parse(root.dataset.tags);
  const full = { from: root.dataset.from, to: root.dataset.to };
  const status = document.getElementById("trend-status");
  const reset = document.getElementById("trend-reset");
  const csv = document.getElementById("trend-csv");
  const live = new URLSearchParams(location.search).has("last") ? new URLSearchParams(location.search).get("last") : null;
  const sync = uPlot.sync("trend");
  let plots = [];
  let request = null;
  let zoomed = false;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const iso = (seconds) => new Date(seconds * 1000).toISOString();

  function query(window) {
    const params = new URLSearchParams({ channel: root.dataset.channel, ...JSON.parse(root.dataset.extra || "{}"), ...window });
    tags.forEach((tag) => params.append("tag", tag));
    return params;
  }

  // Limits as dashed lines, and inspections as vertical lines.
  function annotate(series, events) {
    return (plot) => {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.strokeStyle = colour("--alarm");
      for (const limit of [series.limits.low, series.limits.high]) {
        if (limit === null) continue;
        const y = plot.valToPos(limit, "y", true);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
      if (series.limits.centre !== null) {
        const y = plot.valToPos(series.limits.centre, "y", true);
        ctx.setLineDash([]);
        ctx.strokeStyle = colour("--line-strong");
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
      ctx.setLineDash([]);
      ctx.fillStyle = colour("--alarm");
      for (const mark of series.marks || []) {
        ctx.beginPath();
        ctx.arc(plot.valToPos(mark.time, "x", true), plot.valToPos(mark.value, "y", true), MARK_PX * devicePixelRatio, 0, 2 * Math.PI);
        ctx.fill();
      }
      for (const event of events) {
        const x = plot.valToPos(event.time, "x", true);
        ctx.strokeStyle = colour(event.kind === "fail" || event.kind === "alarm" ? "--alarm" : "--soft");
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      }
      ctx.restore();
    };
  }

  function range(series) {
    const limits = [series.limits.low, series.limits.high].filter((limit) => limit !== null);
    return (plot, low, high) => {
      if (low === null) return [0, 1];
      const least = Math.min(low, ...limits);
      const greatest = Math.max(high, ...limits);
      const margin = (greatest - least || Math.abs(greatest) || 1) * 0.06;
      return [least - margin, greatest + margin];
    };
  }

  function options(series, data, box) {
    const line = { stroke: colour("--tint-4"), width: 1.25, points: { show: series.step === 0 && series.times.length < 150 } };
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const banded = series.step > 0;
    const number = (plot, value) => (value === null || value === undefined ? "–" : String(Number(value.toPrecision(6))));
    return {
      width: box.clientWidth,
      height: box.clientHeight,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { sync: { key: sync.key }, drag: { x: true, y: false, setScale: false } },
      legend: { show: false },
      scales: { x: { min: data.start, max: data.stop }, y: { range: range(series) } },
      series: [
        {},
        { ...line, label: banded ? "maximum" : series.tag, value: number },
        ...(banded ? [{ ...line, label: "minimum", value: number }] : []),
      ],
      bands: banded ? [{ series: [1, 2], fill: `${colour("--tint-3")}59` }] : [],
      axes: [{ ...axis, values: TIMES }, { ...axis, size: AXIS_PX }],
      hooks: {
        draw: [annotate(series, data.events)],
        setSelect: [
          (plot) => {
            if (plot.select.width < 4) return;
            const first = plot.posToVal(plot.select.left, "x");
            const last = plot.posToVal(plot.select.left + plot.select.width, "x");
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            zoomed = true;
            reset.hidden = false;
            load({ from: iso(first), to: iso(last) });
          },
        ],
      },
    };
  }

  function draw(data) {
    plots.forEach((plot) => plot.destroy());
    plots = [];
    data.series.forEach((series, index) => {
      const box = root.querySelector(`[data-series="${index}"]`);
      box.closest(".trend").querySelector(".trend-count").textContent =
        `${series.readings.toLocaleString("en")} readings` +
        (series.not_good ? `, ${series.not_good.toLocaleString("en")} without a good number` : "");
      const columns = series.step > 0 ? [series.times, series.maximum, series.minimum] : [series.times, series.maximum];
      box.replaceChildren();
      plots.push(new uPlot(options(series, data, box), columns, box));
    });
    root.dataset.drawn = String(Number(root.dataset.drawn || 0) + 1);
  }

  async function load(window) {
    if (request) request.abort();
    request = new AbortController();
    try {
      const response = await fetch(`${root.dataset.url}?${query(window)}`, { signal: request.signal });
      const data = await response.json();
      if (!response.ok) throw new Error(data.message);
      draw(data);
      if (csv) csv.href = `${csv.pathname}?${query({ from: iso(data.start), to: iso(data.stop) })}`;
      status.textContent = "";
    } catch (error) {
      if (error.name !== "AbortError") status.textContent = `The trend could not be loaded: ${error.message}`;
    }
  }

  reset.addEventListener("click", () => {
    zoomed = false;
    reset.hidden = true;
    load(live ? { last: live } : full);
  });
  new ResizeObserver(() => {
    for (const plot of plots) {
      const box = plot.root.parentElement;
      plot.setSize({ width: box.clientWidth, height: box.clientHeight });
    }
  }).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => load(zoomed ? full : live ? { last: live } : full));

  const filter = document.getElementById("tag-filter");
  document.getElementById("tag-filter-field").hidden = false;
  filter.addEventListener("input", () => {
    const text = filter.value.toLowerCase();
    for (const item of document.querySelectorAll(".tag-list li")) {
      item.hidden = !item.textContent.toLowerCase().includes(text);
    }
  });

  load(live ? { last: live } : full);
  if (live) {
    setInterval(() => {
      if (!zoomed && !document.hidden) load({ last: live });
    }, REFRESH_MS);
  }
})();
