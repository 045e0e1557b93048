package plot

// Point is a value of a curve, and its 95th percentile; 0 if there is none.
type Point struct{ X, Y, High float64 }

// Curve is a series of values with growing x.
type Curve struct {
	Entry
	Dashed bool
	Points []Point
}

// Mark is a position on the x axis, with its label.
type Mark struct {
	X    float64
	Name string
}

// Curves draws curves. The x axis goes from zero to the last mark. The y axis is in seconds, from zero.
func Curves(title, below string, marks []Mark, curves []Curve) string {
	const height, left, right, top, bottom = 400, 64, 800, 76, 340
	most, last := 0.0, marks[len(marks)-1].X
	var legend []Entry
	for _, curve := range curves {
		legend = append(legend, curve.Entry)
		for _, p := range curve.Points {
			most = max(most, p.Y, p.High)
		}
	}
	c := newCanvas(height, title)
	c.legend(50, legend)
	y, values := scale(bottom, top, most)
	for _, v := range values {
		c.line(left, y.at(v), right, y.at(v), faint, 1)
		c.text(left-8, y.at(v)+4, end, dim, brief(v)+" s")
	}
	x := axis{low: left + 24, high: right - 24, most: last}
	for _, m := range marks {
		c.line(x.at(m.X), bottom, x.at(m.X), bottom+5, dim, 1)
		c.text(x.at(m.X), bottom+20, middle, dim, m.Name)
	}
	c.text((left+right)/2, bottom+44, middle, text, below)
	for _, curve := range curves {
		c.curve(x, y, curve)
	}
	return c.String()
}

func (c *canvas) curve(x, y axis, curve Curve) {
	var points [][2]float64
	for _, p := range curve.Points {
		points = append(points, [2]float64{x.at(p.X), y.at(p.Y)})
	}
	if len(points) > 1 {
		c.path(points, curve.Color, curve.Dashed)
	}
	for i, p := range curve.Points {
		at := points[i]
		c.dot(at[0], at[1], 4, curve.Color, 1)
		if p.High > 0 {
			c.line(at[0], at[1], at[0], y.at(p.High), curve.Color, 1)
			c.line(at[0]-4, y.at(p.High), at[0]+4, y.at(p.High), curve.Color, 1)
		}
	}
	if len(points) > 0 {
		at := points[len(points)-1]
		c.text(at[0]+10, at[1]+4, start, curve.Color, brief(curve.Points[len(points)-1].Y)+" s")
	}
}
