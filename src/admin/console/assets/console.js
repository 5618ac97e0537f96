/* Makes the pages nicer to use. Every page works without it. */
(() => {
  'use strict';
  const root = document.documentElement;
  root.classList.add('scripted');

  const twoDigits = (number) => String(number).padStart(2, '0');

  /** Times come in UTC; the reader's clock is nearer. */
  function showLocalTimes(within) {
    for (const time of within.querySelectorAll('time[datetime]:not([title])')) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const day = `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`;
      time.title = at.toISOString();
      time.textContent = `${day} ${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}:${twoDigits(at.getSeconds())}`;
    }
  }

  function isDark() {
    const chosen = root.dataset.theme;
    return chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  }

  function switchTheme() {
    const theme = isDark() ? 'light' : 'dark';
    root.dataset.theme = theme;
    document.cookie = `gw_theme=${theme}; path=/admin; max-age=31536000; samesite=strict`;
    drawCharts(document);
  }

  const charts = new Map();

  /** Draws the table that stands beside a chart: the table is the truth, and what screen readers read. */
  function drawCharts(within) {
    if (!window.uPlot) return;
    for (const box of within.querySelectorAll('[data-chart]')) {
      const name = box.dataset.chart;
      const source = document.querySelector(`[data-chart-source="${CSS.escape(name)}"]`);
      if (!source) continue;
      charts.get(name)?.destroy();
      charts.set(name, draw(box, [...source.querySelectorAll('tbody tr')]));
    }
  }

  const money = (value) =>
    value === null ? '–' : `$${value.toLocaleString('en-US', { maximumSignificantDigits: 3 })}`;
  const whole = (value) => (value === null ? '–' : value.toLocaleString('en-US'));

  /** The colours of the theme in force, as a canvas takes them. */
  function themeColors() {
    const probe = document.createElement('span');
    document.body.append(probe);
    const colors = {};
    for (const token of ['muted', 'line', 'accent', 'second', 'bad']) {
      probe.className = `probe-${token}`;
      colors[token] = getComputedStyle(probe).color;
    }
    probe.remove();
    return colors;
  }

  const DAY_SECONDS = 86400;

  /** Hours of the reader's clock; where a day begins, and between days, the date. */
  function moments(_chart, ticks, _axis, _space, step) {
    return ticks.map((tick) => {
      const at = new Date(tick * 1000);
      const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
      if (step >= DAY_SECONDS || isMidnight) return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
      return `${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}`;
    });
  }

  function axesOf(colors, isWide) {
    const font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: colors.muted, font, ticks: { show: false }, grid: { stroke: colors.line, width: 1 } };
    const counts = (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? whole(tick) : ''));
    const amounts = (_, ticks) => ticks.map(money);
    return [
      { ...axis, grid: { show: false }, space: isWide ? 70 : 60, values: moments },
      { ...axis, scale: 'count', size: 46, values: counts },
      { ...axis, scale: 'usd', side: 1, size: 62, grid: { show: false }, values: amounts },
    ];
  }

  function seriesOf(colors) {
    const paths = window.uPlot.paths.bars({ size: [0.62, 40], radius: 0.15 });
    const bars = { scale: 'count', paths, points: { show: false }, value: (_, value) => whole(value) };
    return [
      { label: 'Time', value: (_, value) => (value === null ? '–' : new Date(value * 1000).toLocaleString('en-GB')) },
      { ...bars, label: 'Requests', stroke: colors.accent, fill: colors.accent },
      { ...bars, label: 'Errors', stroke: colors.bad, fill: colors.bad },
      {
        label: 'Spend',
        scale: 'usd',
        stroke: colors.second,
        width: 2,
        points: { show: false },
        value: (_, value) => money(value),
      },
    ];
  }

  function draw(box, rows) {
    const column = (key) => rows.map((row) => Number(row.dataset[key]));
    const colors = themeColors();
    const times = column('at');
    const half = times.length > 1 ? (times[1] - times[0]) / 2 : 1800;
    const fromZero = (least) => ({ range: (_, _min, max) => [0, Math.max(least, (max ?? 0) * 1.15)] });
    const options = {
      width: box.clientWidth,
      height: 205,
      padding: [8, 4, 0, 0],
      cursor: { y: false, points: { size: 7 } },
      scales: { x: { range: (_, min, max) => [min - half, max + half] }, count: fromZero(4), usd: fromZero(0.000001) },
      axes: axesOf(colors, box.clientWidth > 560),
      series: seriesOf(colors),
    };
    return new window.uPlot(options, [times, column('requests'), column('errors'), column('cost')], box);
  }

  async function copy(button) {
    const field = document.querySelector(button.dataset.copy);
    const label = button.querySelector('span');
    try {
      await navigator.clipboard.writeText(field.value);
      label.textContent = 'Copied';
    } catch {
      field.select();
      label.textContent = 'Press Ctrl+C';
    }
  }

  const size = (bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;

  /** Reads a chosen file into the field that is sent: the form is the same without a script. */
  async function fill(input) {
    const [file] = input.files;
    if (!file) return;
    const note = document.getElementById(input.getAttribute('aria-describedby'));
    if (file.size > Number(input.dataset.mostBytes)) {
      note.textContent = `${file.name} has ${size(file.size)}: that is more than is taken. Nothing was read.`;
      return;
    }
    document.querySelector(input.dataset.fills).value = await file.text();
    note.textContent = `${file.name} was read into the text below.`;
  }

  document.addEventListener('change', (event) => {
    if (event.target instanceof Element && event.target.matches('[data-fills]')) void fill(event.target);
  });

  document.addEventListener('click', (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const toggle = target?.closest('[data-nav-toggle]');
    if (toggle) {
      const isOpen = document.getElementById('nav').classList.toggle('open');
      toggle.setAttribute('aria-expanded', String(isOpen));
    }
    if (target?.closest('[data-theme-toggle]')) switchTheme();
    const copyButton = target?.closest('[data-copy]');
    if (copyButton) void copy(copyButton);
    const secret = target?.closest('[data-secret]');
    if (secret) secret.select();
  });

  /** Fetches the page anew and takes over the part with the same id; a page nobody looks at rests. */
  async function refresh(id) {
    const part = document.getElementById(id);
    if (document.hidden || part.contains(document.activeElement)) return;
    const response = await fetch(part.dataset.refresh).catch(() => null);
    // Signed out meanwhile, perhaps elsewhere: say so.
    if (response?.status === 401) location.reload();
    if (!response?.ok) return;
    const next = new DOMParser().parseFromString(await response.text(), 'text/html').getElementById(id);
    if (!next) return;
    document.getElementById(id).replaceWith(next);
    showLocalTimes(document);
    drawCharts(document);
  }

  for (const part of document.querySelectorAll('[data-refresh]')) {
    const everyMs = Number(part.dataset.refreshSeconds) * 1000;
    if (part.dataset.live) follow(part.id, part.dataset.live, everyMs);
    else setInterval(() => void refresh(part.id), everyMs);
  }

  /** Refreshes when the server says that there is news, at most once in `leastMs`. A hidden page gives its connection back. */
  function follow(id, address, leastMs) {
    let source = null;
    let waiting = null;
    let lastMs = performance.now();
    const soon = () => {
      waiting ??= setTimeout(
        async () => {
          await refresh(id);
          lastMs = performance.now();
          waiting = null;
        },
        Math.max(0, lastMs + leastMs - performance.now()),
      );
    };
    const connect = () => {
      source?.close();
      source = document.hidden ? null : new EventSource(address);
      source?.addEventListener('usage', soon);
      source?.addEventListener('tick', soon);
    };
    document.addEventListener('visibilitychange', connect);
    addEventListener('pagehide', () => source?.close());
    connect();
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawCharts(document));
  let resizing;
  addEventListener('resize', () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => drawCharts(document), 150);
  });

  showLocalTimes(document);
  drawCharts(document);
})();
