package resultview

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// bars is the length of a bar in characters.
const bars = 10

// Bar shows a share of a limit: ███░░░░░░░  27 %. A share above 100 % has a full bar. Without a limit it is empty.
func Bar(part, limit int64) string {
	if limit <= 0 {
		return ""
	}
	full := min(bars, max(0, int(part*bars/limit)))
	if full == 0 && part > 0 {
		full = 1
	}
	return fmt.Sprintf("%s%s %3d %%", strings.Repeat("█", full), strings.Repeat("░", bars-full), part*100/limit)
}

// Bytes returns a number of bytes with a unit: 512 B, 4.0 KiB, 1.50 MiB.
func Bytes(n int) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20))
	}
}

// Grid returns the table of results.
func Grid(all []Result) *table.Grid {
	g := table.NewGrid("NAME", "TYPE", "SIZE", "OF LIMIT", "OF OBJECT", "SHA256", "CHECK")
	for _, r := range all {
		g.Add(table.Text(r.Name), table.Text(string(r.Type)), table.Number(Bytes(r.Size)),
			table.Painted(fill(int64(r.Size), r.Limit), Bar(int64(r.Size), r.Limit)),
			table.Painted(fill(int64(r.ObjectSize), int64(r.ObjectLimit)), Bar(int64(r.ObjectSize), int64(r.ObjectLimit))),
			table.Text(r.SHA256[:12]), table.Painted(r.Check.Outcome.color(), string(r.Check.Outcome)))
	}
	return g
}

// fill returns the color of a bar. A nearly full bar stands out.
func fill(part, limit int64) terminal.Color {
	if limit > 0 && part*10 >= limit*9 {
		return terminal.Yellow
	}
	return terminal.None
}

func (o Outcome) color() terminal.Color {
	switch o {
	case Verified:
		return terminal.Green
	case Different:
		return terminal.Red
	case Unknown:
		return terminal.Dim
	default:
		return terminal.None
	}
}
