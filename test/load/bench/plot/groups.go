package plot

// Bar is one value of a group.
type Bar struct {
	Color Color
	Value float64
	// Label is the value for people, with its unit.
	Label string
}

// Group has values of one unit. Groups can have different units.
type Group struct {
	Name string
	Bars []Bar
}

// Groups draws the bars of each group below one another. The longest bar of each group has the same length, because the units differ;
// so bars can be compared only within their group.
func Groups(title string, legend []Entry, groups []Group) string {
	const left, right, top, each, gap, bottom = 370, 800, 66, 18, 14, 14
	height := float64(top + bottom)
	for _, g := range groups {
		height += each*float64(len(g.Bars)) + gap
	}
	c := newCanvas(height, title)
	c.legend(48, legend)
	y := float64(top)
	for _, g := range groups {
		most := 0.0
		for _, b := range g.Bars {
			most = max(most, b.Value)
		}
		c.text(left-12, y+each*float64(len(g.Bars))/2+4, end, text, g.Name)
		for _, b := range g.Bars {
			length := 2.0
			if most > 0 {
				length = max(length, (right-left)*b.Value/most)
			}
			c.bar(left, y+2, length, each-4, b.Color)
			c.text(left+length+6, y+each-5, start, dim, b.Label)
			y += each
		}
		y += gap
	}
	return c.String()
}
