"use strict";
const drop = document.querySelector(".drop"), file = document.querySelector("#file");
const error = document.querySelector(".error"), answer = document.querySelector(".answer");
document.querySelector("pre code").textContent =
  document.querySelector("pre code").textContent.replace("http://HOST", location.origin);

const show = async (picture) => {
  drop.classList.add("busy");
  error.hidden = true;
  try {
    const response = await fetch("predict?explain=true", { method: "POST", body: picture });
    const told = await response.json();
    if (!response.ok) throw new Error(told.error);
    const seen = document.querySelector(".seen");
    URL.revokeObjectURL(seen.src);
    seen.src = URL.createObjectURL(picture);
    document.querySelector(".heat").src = told.heat;
    document.querySelector(".classes").replaceChildren(...(told.numbers ?? told.classes).map(({ class: title, name: number, probability, value: said, threshold }) => {
      const name = title ?? number;
      const row = document.createElement("li"), label = document.createElement("span"), value = document.createElement("span");
      const bar = document.createElement("span"), fill = document.createElement("span");
      if (number !== undefined) {
        label.textContent = name;
        value.textContent = String(Number(said.toPrecision(5)));
        row.append(label, value);
        return row;
      }
      if (threshold !== undefined && probability < threshold) row.style.opacity = 0.5;
      const percent = (100 * probability).toFixed(1);
      label.textContent = name;
      value.textContent = `${percent} %`;
      bar.className = "bar";
      fill.style.width = `${percent}%`;
      bar.append(fill);
      row.append(label, value, bar);
      return row;
    }));
    answer.hidden = false;
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
    answer.hidden = true;
  } finally {
    drop.classList.remove("busy");
  }
};

file.addEventListener("change", () => file.files.length && show(file.files[0]));
document.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) show(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) show(event.clipboardData.files[0]);
});
