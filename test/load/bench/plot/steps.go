package plot

import "fmt"

// Hop is a time on the way from the start to the end, in seconds, and the step that leads to it.
type Hop struct {
	Name  string
	At    float64
	Color Color
}

// Hops draws a bar for each hop, from the previous time to its own, one below the other.
func Hops(title string, legend []Entry, hops []Hop) string {
	const left, right, top, each, bottom = 310, 800, 66, 26, 36
	height := top + each*float64(len(hops)) + bottom
	most := 0.0
	for _, h := range hops {
		most = max(most, h.At)
	}
	c := newCanvas(height, title)
	c.legend(48, legend)
	x, values := scale(left, right, most)
	base := height - bottom
	for _, v := range values {
		c.line(x.at(v), top, x.at(v), base, faint, 1)
		c.text(x.at(v), base+18, middle, dim, brief(v)+" s")
	}
	before := 0.0
	for i, h := range hops {
		y := top + each*(float64(i)+0.5)
		from := min(before, h.At)
		c.text(left-12, y+4, end, text, h.Name)
		c.bar(x.at(from), y-8, max(2, x.at(h.At)-x.at(from)), 16, h.Color)
		c.text(x.at(h.At)+6, y+4, start, dim, fmt.Sprintf("+%.0f ms", 1000*(h.At-from)))
		before = h.At
	}
	return c.String()
}
