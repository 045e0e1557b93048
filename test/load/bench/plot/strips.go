package plot

import (
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/test/load/bench/stats"
)

// Strip is one series of times in seconds, drawn as a dot for each, with its median.
type Strip struct {
	// Label is written before it. Strips without a label belong to the strip above.
	Label  string
	Color  Color
	Values []float64
}

// Strips draws distributions one below the other on one axis. limit, in seconds, is a line through all of them; 0 for none.
func Strips(title string, legend []Entry, limit float64, limitName string, strips []Strip) string {
	const left, right, top, each, bottom = 330, 835, 66, 26, 48
	height := top + each*float64(len(strips)) + bottom
	most := limit
	for _, s := range strips {
		most = max(most, slices.Max(append([]float64{0}, s.Values...)))
	}
	c := newCanvas(height, title)
	c.legend(48, legend)
	x, values := scale(left, right, most)
	base := height - bottom
	for _, v := range values {
		c.line(x.at(v), top, x.at(v), base, faint, 1)
		c.text(x.at(v), base+18, middle, dim, brief(v)+" s")
	}
	if limit > 0 {
		c.dashed(x.at(limit), top-4, x.at(limit), base, Limit)
		c.text(x.at(limit), base+36, middle, Limit, fmt.Sprintf("%s: %s s", limitName, brief(limit)))
	}
	for i, s := range strips {
		y := top + each*(float64(i)+0.5)
		if s.Label != "" && i > 0 {
			c.line(16, y-each/2, right, y-each/2, faint, 0.5)
		}
		c.text(left-12, y+4, end, text, s.Label)
		c.strip(x, y, s)
	}
	return c.String()
}

// strip draws one series. The dots alternate in height, so that equal ones are visible.
func (c *canvas) strip(x axis, y float64, s Strip) {
	const turns, apart, tall = 5, 2.5, 9
	for i, v := range s.Values {
		c.dot(x.at(v), y+float64(i*2%turns-turns/2)*apart, 3, s.Color, 0.45)
	}
	if len(s.Values) == 0 {
		return
	}
	summary := stats.Summarize(s.Values)
	c.line(x.at(summary.P50), y-tall, x.at(summary.P50), y+tall, s.Color, 3)
	c.text(x.high+8, y+4, start, s.Color, fmt.Sprintf("%.2f s", summary.P50))
}
