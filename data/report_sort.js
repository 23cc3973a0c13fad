// Sorts a table by the column whose heading is clicked; exact integers are compared as such.
for (const table of document.querySelectorAll("table")) {
    const heads = [...table.tHead.rows[0].cells];
    const value = (row, i) => {
        const text = row.cells[i].dataset.value;
        return text !== undefined && /^-?\d+$/.test(text) ? BigInt(text) : null;
    };
    const compare = (a, b, i) => {
        const x = value(a, i), y = value(b, i);
        if (x !== null && y !== null) {
            return x < y ? -1 : x > y ? 1 : 0;
        }
        return a.cells[i].textContent.localeCompare(b.cells[i].textContent, undefined,
                                                    { numeric: true });
    };
    heads.forEach((head, i) => head.addEventListener("click", () => {
        const down = head.ariaSort !== "descending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.ariaSort = down ? "descending" : "ascending";
        const body = table.tBodies[0];
        const groups = []; // a row and what stands under it
        for (const row of body.rows) {
            if (row.className === "under") {
                groups.at(-1).push(row);
            } else {
                groups.push([row]);
            }
        }
        groups.sort((a, b) => compare(a[0], b[0], i) * (down ? -1 : 1));
        body.append(...groups.flat());
    }));
}
