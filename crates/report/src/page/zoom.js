// Curves: values under the pointer; a drag zooms into what it covers, a double click shows all again.
"use strict";
for (const plot of document.querySelectorAll(".plot[data-lines]")) {
  const svg = plot.querySelector("svg");
  const [left, top, right, bottom] = plot.dataset.field.split(" ").map(Number);
  const [first, last] = plot.dataset.span.split(" ").map(Number);
  const lines = JSON.parse(plot.dataset.lines);
  const make = (name, attributes) => {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const field = { x: left, y: top, width: right - left, height: bottom - top };

  // What is drawn, with its places as they were.
  const parts = [...svg.children].map((element) => ({
    element,
    kind: element.tagName,
    points: (element.getAttribute("points") || "").trim().split(/\s+/).filter(Boolean)
      .map((pair) => pair.split(",").map(Number)),
    x: Number(element.getAttribute("x") ?? element.getAttribute("cx")),
    y: Number(element.getAttribute("y") ?? element.getAttribute("cy")),
  }));
  const clip = make("clipPath", { id: "field" + Math.random().toString(36).slice(2) });
  clip.append(make("rect", { ...field, y: top - 32, height: bottom - top + 64 }));
  svg.prepend(clip);
  const shade = make("rect", { class: "shade", visibility: "hidden" });
  const cursor = make("line", { class: "cursor", visibility: "hidden", y1: top, y2: bottom });
  svg.append(shade, cursor);
  const output = document.createElement("output");
  output.className = "note readout";
  plot.append(output);

  // The part of the field that is shown, as shares of it.
  let view = { x0: 0, x1: 1, y0: 0, y1: 1 };
  const across = (x) => left + (((x - left) / (right - left) - view.x0) / (view.x1 - view.x0)) * (right - left);
  const up = (y) => top + (((y - top) / (bottom - top) - view.y0) / (view.y1 - view.y0)) * (bottom - top);
  const inside = (x, y) => x >= left - 1 && x <= right + 1 && y >= top - 1 && y <= bottom + 1;
  const draw = () => {
    const whole = view.x0 === 0 && view.x1 === 1 && view.y0 === 0 && view.y1 === 1;
    for (const { element, kind, points, x, y } of parts) {
      if (kind === "text") {
        const besides = x < left, below = y > bottom;
        const place = [besides ? x : across(x), besides ? up(y) : y];
        element.setAttribute("x", place[0]);
        element.setAttribute("y", place[1]);
        const seen = whole || (besides ? inside(left, up(y)) : inside(across(x), below ? bottom : top));
        element.setAttribute("visibility", seen ? "visible" : "hidden");
      } else if (points.length) {
        element.setAttribute("points", points.map(([x, y]) => across(x) + "," + up(y)).join(" "));
        element.setAttribute("clip-path", whole ? "" : `url(#${clip.id})`);
      } else if (kind === "circle") {
        element.setAttribute("cx", across(x));
        element.setAttribute("cy", up(y));
        element.setAttribute("clip-path", whole ? "" : `url(#${clip.id})`);
      }
    }
    plot.classList.toggle("zoomed", !whole);
  };

  const at = (event) => {
    const box = svg.getBoundingClientRect();
    const width = svg.viewBox.baseVal.width, height = svg.viewBox.baseVal.height;
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  };
  const share = ([x, y]) => {
    const part = (value, low, high) => Math.min(1, Math.max(0, (value - low) / (high - low)));
    return [view.x0 + part(x, left, right) * (view.x1 - view.x0), view.y0 + part(y, top, bottom) * (view.y1 - view.y0)];
  };
  let start = null;
  svg.addEventListener("pointerdown", (event) => {
    if (!inside(...at(event))) return;
    start = at(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    const here = at(event);
    if (start) {
      const flat = Math.abs(here[1] - start[1]) < 80;
      const [x0, x1] = [start[0], here[0]].sort((a, b) => a - b);
      const [y0, y1] = flat ? [top, bottom] : [start[1], here[1]].sort((a, b) => a - b);
      for (const [key, value] of Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 })) {
        shade.setAttribute(key, value);
      }
      shade.setAttribute("visibility", "visible");
    }
    if (!inside(...here)) return leave();
    const epoch = first + share(here)[0] * (last - first);
    let near = null;
    const said = lines.filter((line) => line.points.length).map((line) => {
      const [x, value] = line.points.reduce((a, b) => (Math.abs(b[0] - epoch) < Math.abs(a[0] - epoch) ? b : a));
      if (near === null || Math.abs(x - epoch) < Math.abs(near - epoch)) near = x;
      return `${line.name} ${value}`;
    });
    if (near === null) return;
    const x = across(left + ((near - first) / (last - first)) * (right - left));
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", "visible");
    output.textContent = `epoch ${Math.max(1, Math.round(near))}: ${said.join(", ")}`;
  });
  const leave = () => {
    cursor.setAttribute("visibility", "hidden");
    output.textContent = "";
  };
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("pointerup", (event) => {
    if (!start) return;
    const end = at(event), flat = Math.abs(end[1] - start[1]) < 80;
    if (Math.abs(end[0] - start[0]) > 40) {
      const [a, b] = [share(start), share(end)];
      const [x0, x1] = [a[0], b[0]].sort((p, q) => p - q);
      const [y0, y1] = flat ? [view.y0, view.y1] : [a[1], b[1]].sort((p, q) => p - q);
      view = { x0, x1, y0, y1 };
      draw();
    }
    start = null;
    shade.setAttribute("visibility", "hidden");
  });
  svg.addEventListener("dblclick", () => {
    view = { x0: 0, x1: 1, y0: 0, y1: 1 };
    draw();
  });
}
