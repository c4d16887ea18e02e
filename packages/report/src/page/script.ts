/** The page's only script: chooses the layer and the expert that coloured texts show. Without it they show their first layer. */
export const SCRIPT = `
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const press = (buttons, pressed) => buttons.forEach((b) => b.setAttribute("aria-pressed", String(b === pressed)));
  const layers = all("button[data-layer]"), chips = all("button[data-expert]"), tokens = all(".token");
  let layer = layers.findIndex((b) => b.getAttribute("aria-pressed") === "true"), only = null;
  const draw = () => tokens.forEach((token) => {
    const best = token.dataset.best.split(",")[Math.max(layer, 0)], e = Number(best), ring = Math.floor(e / 12) % 4;
    token.className = "token" + (best === "" ? "" : " e" + (e % 12) + (ring ? " ring" + ring : ""));
    if (only !== null && best !== only) token.classList.add("dim");
  });
  layers.forEach((b, i) => b.addEventListener("click", () => { layer = i; press(layers, b); draw(); }));
  chips.forEach((b) => b.addEventListener("click", () => {
    only = only === b.dataset.expert ? null : b.dataset.expert;
    press(chips, only === null ? null : b);
    draw();
  }));
})();
`;
