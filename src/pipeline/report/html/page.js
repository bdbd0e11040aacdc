"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const byId = (id) => document.getElementById(id);
  // Text becomes text nodes and attributes alone: no name can become markup.
  const make = (name, attributes, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    element.append(...children.map((each) => (each instanceof Node ? each : String(each))));
    return element;
  };
  const draw = (name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const choice = (label, options, changed) => {
    const select = make("select", {});
    for (const [value, text] of options) select.append(make("option", { value }, text));
    select.addEventListener("change", changed);
    return [make("label", {}, label, select), select];
  };

  // The table of results: sorting, filtering, pages.
  const PAGE = 200, LONGEST = 500;
  const results = () => {
    const table = byId("t-results");
    const keys = Number(table.dataset.keys);
    const body = table.tBodies[0], rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    const cell = (row, at) => row.cells[at].firstChild ? row.cells[at].firstChild.data.trim() : "";
    const filters = [];
    let page = 0;
    const update = () => {
      const kept = rows.filter((row) => filters.every(
        ([at, select]) => select.value === "" || cell(row, at) === select.value));
      const paged = kept.length > LONGEST;
      const pages = paged ? Math.ceil(kept.length / PAGE) : 1;
      page = Math.min(page, pages - 1);
      const shown = new Set(paged ? kept.slice(page * PAGE, (page + 1) * PAGE) : kept);
      for (const row of rows) row.classList.toggle("off", !shown.has(row));
      byId("t-count").textContent = `${kept.length} of ${rows.length} rows` +
        (paged ? `, page ${page + 1} of ${pages}` : "");
      byId("t-pages").hidden = !paged;
      back.disabled = page === 0;
      next.disabled = page === pages - 1;
    };
    const turn = (by) => () => { page += by; update(); };
    const back = make("button", { type: "button" }, "Previous rows");
    const next = make("button", { type: "button" }, "Next rows");
    back.addEventListener("click", turn(-1));
    next.addEventListener("click", turn(1));
    byId("t-pages").append(back, next);
    heads.forEach((head, at) => {
      // The first column stands for all keys where there is room for one.
      if (at > 0 && at <= keys) {
        const values = [...new Set(rows.map((row) => cell(row, at)))];
        const [label, select] = choice(head.textContent,
          [["", "all"], ...values.map((value) => [value, value])],
          () => { page = 0; update(); });
        filters.push([at, select]);
        byId("t-controls").append(label);
      }
      const button = make("button", { type: "button" }, head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const number = rows.every((row) => /^(-?[\d.]+(e-?\d+)?|–)$/.test(cell(row, at)));
        const worth = (row) => number ? parseFloat(cell(row, at)) : cell(row, at);
        const compare = (a, b) => {
          if (number && (isNaN(a) || isNaN(b))) return isNaN(a) - isNaN(b);
          return (number ? a - b : a.localeCompare(b)) * (down ? -1 : 1);
        };
        rows.sort((a, b) => compare(worth(a), worth(b)));
        body.append(...rows);
        page = 0;
        update();
      });
    });
    byId("t-controls").hidden = false;
    update();
  };

  // The interactive figure.
  const SHAPES = [
    (r) => `M${-r} 0A${r} ${r} 0 1 0 ${r} 0A${r} ${r} 0 1 0 ${-r} 0Z`,
    (r) => `M${-r} ${-r}H${r}V${r}H${-r}Z`,
    (r) => `M0 ${-1.25 * r}L${1.15 * r} ${0.85 * r}H${-1.15 * r}Z`,
    (r) => `M0 ${-1.35 * r}L${1.35 * r} 0L0 ${1.35 * r}L${-1.35 * r} 0Z`,
    (r) => `M0 ${1.25 * r}L${1.15 * r} ${-0.85 * r}H${-1.15 * r}Z`,
  ];
  const REACH = 12;
  const explorer = () => {
    const data = JSON.parse(byId("data").textContent);
    const axis = Object.fromEntries(data.axes.map((each, at) => [each.key, { ...each, codes: data.at[at] }]));
    const places = data.places.map((_, at) => at);
    const pruners = axis.pruner, methods = axis.uncertainty, sparsities = axis.sparsity;
    const unpruned = pruners.values.indexOf(data.unpruned);
    const order = pruners.values.map((_, at) => at).filter((at) => at !== unpruned);
    const looks = (pruner) => pruner === unpruned ? "unpruned" : `p${order.indexOf(pruner) % 12}`;
    const chosen = [], controls = byId("ex-controls"), toggles = byId("ex-toggles");
    let listed = [], marks = [], current = 0;
    const add = (label, options) => {
      const [holder, select] = choice(label, options, () => { listed = []; update(); });
      controls.append(holder);
      return select;
    };
    for (const one of data.axes) {
      const own = ["pruner", "uncertainty", "sparsity"].includes(one.key);
      if (!own && (one.values.length > 1 || one.key === "dataset" || one.key === "architecture")) {
        chosen.push([axis[one.key], add(one.label, one.names.map((name, at) => [at, name]))]);
      }
    }
    const metric = add("Metric", data.metrics.map((each, at) => [at, each.label]));
    const definition = add("Definition of uncertainty",
      [["default", "each method's default"], ...data.definitions.map((each, at) => [at, each.label])]);
    const over = add("Over", [["sparsity", "Sparsity"],
      ...Object.entries(data.costs).map(([key, each]) => [key, each.label])]);
    const boxes = (legend, names, look) => {
      const set = make("fieldset", {}, make("legend", {}, legend));
      const found = names.map(([at, name]) => {
        const box = make("input", { type: "checkbox" });
        box.checked = true;
        box.addEventListener("change", () => { listed = []; update(); });
        const icon = draw("svg", { width: 16, height: 16, viewBox: "-8 -8 16 16", "aria-hidden": "true" });
        icon.append(draw("path", look(at)));
        set.append(make("label", {}, box, icon, name));
        return [at, box];
      });
      toggles.append(set);
      return new Map(found);
    };
    const named = (one, kept) => one.names.map((name, at) => [at, name]).filter(([at]) => kept(at));
    const shownPruners = boxes("Pruners", named(pruners, (at) => at !== unpruned || order.length === 0),
      (at) => ({ class: `fill ${looks(at)}`, d: SHAPES[0](6) }));
    const shownMethods = boxes("Uncertainty methods", named(methods, () => true),
      (at) => ({ class: "fill unpruned", d: SHAPES[at % SHAPES.length](5) }));

    const columns = (at) => {
      const by = data.values[data.metrics[metric.value].key];
      if (by["*"]) return by["*"];
      const key = data.definitions[definition.value === "default" ? data.default[at] : definition.value].key;
      return by[key] || [[]];
    };
    const number = (column, at) => column && column[at] !== undefined ? column[at] : null;
    const point = (at) => {
      const [value, low, high] = columns(at);
      const x = over.value === "sparsity" ? sparsities.values[sparsities.codes[at]]
        : data.costs[over.value].values[at];
      return { at, x, y: number(value, at), low: number(low, at), high: number(high, at),
        pruner: pruners.codes[at], method: methods.codes[at] };
    };
    const said = (y) => {
      if (y === null) return "–";
      return data.metrics[metric.value].percent ? `${(100 * y).toFixed(2)} %` : String(Number(y.toPrecision(4)));
    };
    const name = (one) => `${pruners.names[one.pruner]}, sparsity ${sparsities.names[sparsities.codes[one.at]]}, ` +
      methods.names[one.method];
    const interval = (one) => one.low === null ? "" : `[${said(one.low)}, ${said(one.high)}]`;

    const list = (points) => {
      listed = points;
      const target = byId("ex-list");
      target.replaceChildren();
      for (const mark of marks) mark.element.classList.toggle("on", points.includes(mark.one));
      if (!points.length) return;
      const body = make("tbody", {});
      for (const one of points) {
        body.append(make("tr", {},
          make("td", {}, make("strong", {}, name(one))),
          make("td", {}, said(one.y)),
          make("td", {}, interval(one)),
          make("td", {}, definitionOf(one)),
          make("td", {}, make("code", {}, data.places[one.at] || "–"))));
      }
      const head = make("tr", {}, ...["Combination", data.metrics[metric.value].label, "95 % interval",
        "Definition", "Its artifacts"].map((text) => make("th", { scope: "col" }, text)));
      target.append(make("table", {}, make("thead", {}, head), body));
    };
    const definitionOf = (one) => {
      if (data.values[data.metrics[metric.value].key]["*"]) return "of the probabilities";
      return data.definitions[definition.value === "default" ? data.default[one.at] : definition.value].label;
    };
    const ticks = (low, high, count) => {
      const rough = (high - low) / count || 1;
      const power = 10 ** Math.floor(Math.log10(rough));
      const step = power * [1, 2, 5, 10].find((each) => each * power >= rough);
      const found = [];
      for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * step; at++) found.push(at * step);
      return found;
    };
    const short = (value) => {
      const size = Math.abs(value);
      if (size >= 1e9) return `${Number((value / 1e9).toPrecision(4))} G`;
      if (size >= 1e6) return `${Number((value / 1e6).toPrecision(4))} M`;
      if (size >= 1e4) return `${Number((value / 1e3).toPrecision(4))} k`;
      return String(Number(value.toPrecision(6)));
    };

    const update = () => {
      const here = places.filter((at) => chosen.every(([one, select]) => one.codes[at] === Number(select.value)));
      const points = here.map(point).filter((one) => one.y !== null && one.x !== null &&
        shownMethods.get(one.method).checked &&
        (one.pruner === unpruned || shownPruners.get(one.pruner).checked));
      const holder = byId("ex-plot");
      const width = Math.max(280, holder.clientWidth), height = width < 600 ? 340 : 440;
      const left = 62, right = 14, top = 34, bottom = 46;
      const what = data.metrics[metric.value];
      const better = what.higher ? "higher" : "lower";
      const svg = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group",
        "aria-label": `${what.label} over ${over.selectedOptions[0].textContent}, ${points.length} markers` });
      holder.replaceChildren(svg);
      marks = [];
      svg.append(draw("text", { x: 4, y: 18 }, `${what.label}${what.percent ? " (%)" : ""}, ${better} is better`));
      if (!points.length) {
        svg.append(draw("text", { x: left, y: height / 2 }, "Nothing to draw: not scored, or switched off."));
        list([]);
        return;
      }
      const all = points.flatMap((one) => [one.y, one.low, one.high]).filter((y) => y !== null);
      const spread = (values, share) => {
        const low = Math.min(...values), high = Math.max(...values), pad = (high - low) * share || 0.05 * Math.abs(low) || 0.05;
        return [low - pad, high + pad];
      };
      const [y0, y1] = spread(all, 0.06), [x0, x1] = spread(points.map((one) => one.x), 0.05);
      const X = (x) => left + (x - x0) / (x1 - x0) * (width - left - right);
      const Y = (y) => height - bottom - (y - y0) / (y1 - y0) * (height - top - bottom);
      const scale = what.percent ? 100 : 1;
      for (const tick of ticks(scale * y0, scale * y1, 6)) {
        const y = Y(tick / scale);
        svg.append(draw("line", { class: "grid", x1: left, x2: width - right, y1: y, y2: y }),
          draw("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, short(tick)));
      }
      const across = over.value === "sparsity"
        ? [...new Set(points.map((one) => one.x))].sort((a, b) => a - b) : ticks(x0, x1, width < 600 ? 4 : 8);
      for (const tick of across) {
        svg.append(draw("line", { class: "frame", x1: X(tick), x2: X(tick), y1: height - bottom, y2: height - bottom + 5 }),
          draw("text", { x: X(tick), y: height - bottom + 19, "text-anchor": "middle" }, short(tick)));
      }
      svg.append(draw("line", { class: "frame", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
        draw("text", { x: (left + width) / 2, y: height - 8, "text-anchor": "middle" }, over.selectedOptions[0].textContent));
      for (const pruner of order) {
        for (const method of methods.values.keys()) {
          const line = points.filter((one) => one.method === method && (one.pruner === pruner || one.pruner === unpruned))
            .sort((a, b) => sparsities.values[sparsities.codes[a.at]] - sparsities.values[sparsities.codes[b.at]]);
          if (line.some((one) => one.pruner === pruner)) {
            svg.append(draw("path", { class: `line ${looks(pruner)} d${method % 4}`, "stroke-opacity": 0.55,
              d: line.map((one, at) => `${at ? "L" : "M"}${X(one.x)} ${Y(one.y)}`).join("") }));
          }
        }
      }
      for (const one of points) {
        if (one.low !== null && one.high !== null) {
          svg.append(draw("line", { class: `line ${looks(one.pruner)}`, x1: X(one.x), x2: X(one.x), y1: Y(one.low), y2: Y(one.high) }));
        }
      }
      current = Math.min(current, points.length - 1);
      points.forEach((one, at) => {
        const mark = draw("g", { class: "mark", role: "button", tabindex: at === current ? 0 : -1,
          transform: `translate(${X(one.x)} ${Y(one.y)})`, "aria-label": `${name(one)}: ${said(one.y)} ${interval(one)}` });
        mark.append(draw("path", { class: `fill ${looks(one.pruner)}`, d: SHAPES[one.method % SHAPES.length](5) }));
        const entry = { one, element: mark, x: X(one.x), y: Y(one.y) };
        mark.addEventListener("focus", () => { current = at; list(near(entry.x, entry.y)); });
        marks.push(entry);
        svg.append(mark);
      });
      const near = (x, y) => marks.filter((each) => Math.hypot(each.x - x, each.y - y) <= REACH).map((each) => each.one);
      const at = (event) => {
        const box = svg.getBoundingClientRect();
        const x = (event.clientX - box.left) * width / box.width, y = (event.clientY - box.top) * height / box.height;
        // What the nearest mark overlaps, as when it has the focus.
        const away = (each) => Math.hypot(each.x - x, each.y - y);
        const nearest = marks.reduce((best, each) => away(each) < away(best) ? each : best, marks[0]);
        if (nearest && away(nearest) <= REACH) list(near(nearest.x, nearest.y));
      };
      svg.addEventListener("pointermove", at);
      svg.addEventListener("pointerdown", at);
      svg.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        marks[current].element.setAttribute("tabindex", -1);
        current = (current + step + marks.length) % marks.length;
        marks[current].element.setAttribute("tabindex", 0);
        marks[current].element.focus();
      });
      const kept = new Set(listed.map((one) => one.at));
      list(points.filter((one) => kept.has(one.at)));
    };
    byId("explorer").hidden = false;
    let wide = 0;
    new ResizeObserver(() => {
      const now = byId("ex-plot").clientWidth;
      if (now !== wide) { wide = now; update(); }
    }).observe(byId("ex-plot"));
    update();
    wide = byId("ex-plot").clientWidth;
  };

  // A link into a table opens it.
  const reveal = () => {
    const target = location.hash && byId(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details:not(#comparisons)")) each.open = true;
  });
  results();
  explorer();
  reveal();
})();
