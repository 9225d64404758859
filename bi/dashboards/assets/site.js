// Everything that pages do. Data are in <script type="application/json">; nothing is fetched.
"use strict";

const jsonOf = (id) => JSON.parse(document.getElementById(id).textContent);

// ---- charts ----
const shade = () => {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
};

const coloured = (part, colour) => {
  if (typeof part === "string") return part.startsWith("@") ? colour(part.slice(1)) : part;
  if (Array.isArray(part)) return part.map((one) => coloured(one, colour));
  if (part && typeof part === "object") {
    return Object.fromEntries(Object.entries(part).map(([key, one]) => [key, key === "data" || key === "datasets" ? one : coloured(one, colour)]));
  }
  return part;
};

const chartConfig = (colour) => ({
  background: "transparent",
  font: "system-ui, 'Segoe UI', Roboto, sans-serif",
  view: { stroke: null },
  axis: {
    labelColor: colour("muted"), titleColor: colour("muted"), gridColor: colour("line"), domainColor: colour("line"),
    tickColor: colour("line"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 8,
  },
  legend: { labelColor: colour("text"), titleColor: colour("muted"), labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", orient: "top", columns: innerWidth < 640 ? 1 : 0 },
});

const draw = async (plot) => {
  const colour = shade();
  const spec = coloured(jsonOf(plot.dataset.chart), colour);
  const renderer = plot.dataset.chart.startsWith("whales") ? "canvas" : "svg";
  if (plot.view) plot.view.finalize();
  const made = await vegaEmbed(plot, { ...spec, config: chartConfig(colour) }, { actions: false, renderer });
  plot.view = made.view;
};

// A chart in a hidden panel has no width to fill: it is drawn when it is first seen.
const drawVisible = async (again) => {
  const plots = [...document.querySelectorAll(".plot")].filter((plot) => plot.offsetParent !== null && (again || !plot.view));
  for (const plot of plots) {
    try {
      await draw(plot);
    } catch (fault) {
      plot.textContent = "This chart could not be drawn.";
      console.error(plot.dataset.chart, fault);
    }
  }
};

// ---- the call list ----
const PAGE = 25;

const csvCell = (value) => {
  const text = value === null ? "" : String(value);
  // A cell that begins like a formula would be run by a spreadsheet.
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const list = (box) => {
  const { columns, rows, words } = jsonOf(box.dataset.list);
  const at = Object.fromEntries(columns.map((column, index) => [column.name, index]));
  const cell = (row, index) => (columns[index].words && row[index] !== null ? words[row[index]] : row[index]);
  const shown = columns.map((column, index) => ({ ...column, index })).filter((column) => column.label);
  const state = { sort: shown[0].index, down: false, page: 0, found: rows };
  const [body, search, filter, count, where] = ["tbody", "[data-search]", "[data-filter]", "[data-count]", "[data-where]"].map((one) => box.querySelector(one));
  const groups = {
    cap: (row) => row[at.is_within_cap],
    call: (row) => cell(row, at.campaign_group) === "call",
    control: (row) => cell(row, at.campaign_group) === "control",
    all: () => true,
  };
  const written = (value, column) => {
    if (value === null) return "–";
    if (column.kind === "money") return value.toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    if (column.kind === "share") return `${(100 * value).toFixed(1)} %`;
    if (column.kind === "flag") return value ? "yes" : "no";
    return typeof value === "number" ? value.toLocaleString("en-GB", { maximumFractionDigits: 1 }) : value.replaceAll("_", " ");
  };

  const person = (row) => {
    const dialog = document.getElementById("person");
    const details = dialog.querySelector("dl");
    details.replaceChildren();
    columns.forEach((column, index) => {
      const [term, value] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = column.name.replaceAll("_", " ");
      value.textContent = column.name.endsWith("_id") ? cell(row, index) ?? "–" : written(cell(row, index), column);
      details.append(term, value);
    });
    dialog.showModal();
  };

  const show = () => {
    const pages = Math.max(1, Math.ceil(state.found.length / PAGE));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    body.replaceChildren(...state.found.slice(state.page * PAGE, (state.page + 1) * PAGE).map((row) => {
      const line = document.createElement("tr");
      for (const column of shown) {
        const field = document.createElement("td");
        const value = cell(row, column.index);
        if (column.name === "customer_unique_id") {
          const open = document.createElement("button");
          open.type = "button";
          open.textContent = value.slice(0, 10);
          open.setAttribute("aria-label", `Customer ${value}: all that is known`);
          open.addEventListener("click", () => person(row));
          field.append(open);
        } else field.textContent = written(value, column);
        if (column.number) field.className = "number";
        line.append(field);
      }
      return line;
    }));
    count.textContent = `${state.found.length.toLocaleString("en-GB")} people`;
    where.textContent = `page ${state.page + 1} of ${pages}`;
    box.querySelector('[data-page="-1"]').disabled = state.page === 0;
    box.querySelector('[data-page="1"]').disabled = state.page === pages - 1;
  };

  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    const text = (row) => columns.map((column, index) => (typeof cell(row, index) === "string" ? cell(row, index).replaceAll("_", " ") : "")).join(" ").toLowerCase();
    const sought = wanted.replaceAll("_", " ");
    state.found = rows.filter((row) => groups[filter.value](row) && (!sought || text(row).includes(sought)));
    const sign = state.down ? -1 : 1;
    // What is unknown comes last whichever way the list is sorted; equals keep the order of the list.
    state.found.sort((one, other) => {
      const [left, right] = [cell(one, state.sort), cell(other, state.sort)];
      if (left === null || right === null) return (left === null) - (right === null);
      return left < right ? -sign : left > right ? sign : 0;
    });
    state.page = 0;
    show();
  };

  box.querySelectorAll("[data-sort]").forEach((button) => button.addEventListener("click", () => {
    const index = Number(button.dataset.sort);
    state.down = state.sort === index ? !state.down : columns[index].number && columns[index].name !== "call_rank";
    state.sort = index;
    box.querySelectorAll("th[aria-sort]").forEach((head) => head.setAttribute("aria-sort", "none"));
    button.closest("th").setAttribute("aria-sort", state.down ? "descending" : "ascending");
    find();
  }));
  box.querySelectorAll("[data-page]").forEach((button) => button.addEventListener("click", () => { state.page += Number(button.dataset.page); show(); }));
  search.addEventListener("input", find);
  filter.addEventListener("change", find);
  box.querySelector("[data-export]").addEventListener("click", () => {
    const lines = [columns.map((column) => column.name), ...state.found.map((row) => columns.map((_, index) => cell(row, index)))];
    const file = new Blob(["\ufeff", lines.map((line) => line.map(csvCell).join(",")).join("\r\n"), "\r\n"], { type: "text/csv" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `${rows.length ? cell(rows[0], at.campaign_id) : "campaign"}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
  find();
};

// ---- lineage ----
const lineage = (box) => {
  const { edges, columns, about } = jsonOf("lineage");
  const svg = box.querySelector("svg");
  const nodes = new Map([...box.querySelectorAll(".node")].map((node) => [node.dataset.node, node]));
  const note = document.getElementById("about");
  const reach = (start, from, to) => {
    const seen = new Set([start]);
    const queue = [start];
    while (queue.length) {
      const now = queue.pop();
      for (const edge of edges) if (edge[from] === now && !seen.has(edge[to])) { seen.add(edge[to]); queue.push(edge[to]); }
    }
    return seen;
  };
  const wire = (on) => {
    svg.replaceChildren();
    svg.setAttribute("width", box.scrollWidth);
    svg.setAttribute("height", box.scrollHeight);
    const frame = box.getBoundingClientRect();
    for (const [source, goal] of edges) {
      if (!on.has(source) || !on.has(goal) || !nodes.has(source) || !nodes.has(goal)) continue;
      const [left, right] = [nodes.get(source).getBoundingClientRect(), nodes.get(goal).getBoundingClientRect()];
      const [x1, y1] = [left.right - frame.left + box.scrollLeft, left.top + left.height / 2 - frame.top + box.scrollTop];
      const [x2, y2] = [right.left - frame.left + box.scrollLeft, right.top + right.height / 2 - frame.top + box.scrollTop];
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", x2 >= x1 ? `M${x1},${y1} C${x1 + 24},${y1} ${x2 - 24},${y2} ${x2},${y2}` : `M${x1},${y1} C${x1 + 40},${y1} ${x1 + 40},${y2} ${left.right - frame.left + box.scrollLeft},${y2}`);
      svg.append(path);
    }
  };
  const columnTable = (name) => {
    const known = columns[name];
    if (!known) return null;
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    const table = document.createElement("table");
    table.className = "columns";
    table.innerHTML = "<caption>Columns, and the columns that they are made of</caption><thead><tr><th scope=col>column</th><th scope=col>made of</th><th scope=col>what it is</th></tr></thead><tbody></tbody>";
    for (const [column, parents, words] of known) {
      const line = table.tBodies[0].insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = column;
      line.append(head);
      const made = line.insertCell();
      for (const parent of parents) {
        const link = document.createElement("button");
        link.type = "button";
        link.textContent = parent;
        link.addEventListener("click", () => choose(parent.slice(0, parent.lastIndexOf("."))));
        made.append(link);
      }
      line.insertCell().textContent = words;
    }
    scroll.append(table);
    return scroll;
  };
  const related = (name) => new Set([...reach(name, 1, 0), ...reach(name, 0, 1)]);
  const choose = (name) => {
    const chosen = nodes.get(name);
    if (!chosen) return;
    const on = related(name);
    box.dataset.chosen = name;
    document.getElementById("find").value = "";
    box.toggleAttribute("data-all", document.getElementById("all").checked);
    for (const [id, node] of nodes) {
      if (id === name) node.dataset.on = "self"; else if (on.has(id)) node.dataset.on = "near"; else delete node.dataset.on;
      node.hidden = false;
      node.setAttribute("aria-pressed", String(id === name));
    }
    const head = document.createElement("h2");
    head.textContent = name;
    const words = document.createElement("p");
    words.textContent = about[name] ?? "";
    const counts = document.createElement("p");
    counts.className = "note";
    counts.textContent = `Made from ${reach(name, 1, 0).size - 1} things, needed by ${reach(name, 0, 1).size - 1}.`;
    note.replaceChildren(...[head, words, counts, columnTable(name)].filter(Boolean));
    wire(on);
    // In place: a way back through all that was looked at would lead nowhere, for nothing follows the address.
    history.replaceState(null, "", `#${encodeURIComponent(name)}`);
  };
  for (const [name, node] of nodes) node.addEventListener("click", () => choose(name));
  // Who looks for a name looks among everything; who has chosen one looks at what belongs to it.
  const [search, all] = [document.getElementById("find"), document.getElementById("all")];
  const refresh = () => {
    const wanted = search.value.trim().toLowerCase();
    box.toggleAttribute("data-all", all.checked || wanted !== "");
    for (const [name, node] of nodes) node.hidden = wanted !== "" && !name.toLowerCase().includes(wanted);
    if (wanted) svg.replaceChildren(); else wire(related(box.dataset.chosen));
  };
  search.addEventListener("input", refresh);
  all.addEventListener("change", refresh);
  let start = "";
  try {
    start = decodeURIComponent(location.hash.slice(1));
  } catch {
    // An address that somebody cut in the middle of a character names nothing.
  }
  choose(nodes.has(start) ? start : box.dataset.start);
};

// ---- begin ----
const begin = async () => {
  document.querySelectorAll("[data-list]").forEach(list);
  document.querySelectorAll(".graph").forEach(lineage);
  if (window.vegaEmbed) {
    document.querySelectorAll(".switch input").forEach((input) => input.addEventListener("change", () => drawVisible(false)));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawVisible(true));
    await drawVisible(false);
  }
  document.body.dataset.ready = "true";
};
begin();
