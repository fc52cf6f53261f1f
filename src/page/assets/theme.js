// Sets the chosen theme before anything is drawn, so that nothing flashes. Without a choice the system's holds.
"use strict";
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; then nothing is remembered.
}
