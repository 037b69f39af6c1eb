// What a pointer is over, and which variants are shown. The page is whole without it.
'use strict';
(function () {
  const tip = document.getElementById('tip');
  const numbers = (text) => text.match(/-?[\d.]+(?:e[-+]?\d+)?/g).map(Number);
  const known = new WeakMap();

  function pointsOf(path) {
    if (!known.has(path)) {
      const all = numbers(path.getAttribute('d'));
      const skip = path.classList.contains('a') ? 1 : 0;
      const points = [];
      for (let i = 2 * skip; i + 1 < all.length - 2 * skip; i += 2) points.push([all[i], all[i + 1]]);
      known.set(path, points);
    }
    return known.get(path);
  }

  function valueAt(path, x) {
    const points = pointsOf(path);
    const next = points.findIndex((p) => p[0] >= x);
    if (next < 0 || x < points[0][0]) return null;
    const [x1, y1] = points[next];
    const [x0, y0] = points[Math.max(next - 1, 0)];
    return x1 === x0 ? y1 : y0 + (y1 - y0) * (x - x0) / (x1 - x0);
  }

  function timeText(seconds) {
    for (const [size, name] of [[86400, 'd'], [3600, 'h'], [60, 'min']])
      if (seconds >= 2 * size) return (seconds / size).toFixed(1) + ' ' + name;
    return seconds.toFixed(1) + ' s';
  }

  function linesAt(plot, x) {
    const paths = [...plot.querySelectorAll('path[data-name]:not(.off)')];
    const values = paths.map((path) => valueAt(path, x));
    return paths.map((path, i) => {
      if (values[i] === null) return null;
      const beneath = path.classList.contains('a') && i + 1 < paths.length ? values[i + 1] : 0;
      return path.dataset.name + ': ' + Number((values[i] - beneath).toPrecision(5));
    }).filter((line) => line !== null);
  }

  function leave(svg) {
    tip.hidden = true;
    const cursor = svg.querySelector('.cursor');
    if (cursor) cursor.remove();
  }

  function over(svg, plot, event) {
    const [least, most, left, right] = numbers(plot.dataset.x);
    const box = svg.getBoundingClientRect();
    const at = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    leave(svg);
    if (at < left || at > right) return;
    const x = least + (at - left) / (right - left) * (most - least);
    const lines = linesAt(plot, x);
    if (lines.length === 0) return;
    tip.textContent = timeText(least === 0 ? x : Math.pow(10, x)) + '\n' + lines.join('\n');
    tip.hidden = false;
    tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + 'px';
    tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + 'px';
    const cursor = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    cursor.setAttribute('class', 'cursor');
    cursor.setAttribute('d', 'M' + at + ' 26V' + (svg.viewBox.baseVal.height - 38));
    svg.append(cursor);
  }

  for (const plot of document.querySelectorAll('.plot')) {
    const svg = plot.closest('svg');
    svg.addEventListener('pointermove', (event) => over(svg, plot, event));
    svg.addEventListener('pointerleave', () => leave(svg));
  }

  const pick = document.getElementById('pick');
  if (pick) {
    pick.hidden = false;
    pick.addEventListener('change', (event) => {
      for (const one of document.querySelectorAll('[data-v="' + event.target.value + '"]'))
        one.classList.toggle('off', !event.target.checked);
    });
  }
})();
