// Package plot draws measurements as SVG for light and dark backgrounds. The output depends on the input alone, so that two
// pictures can be compared line by line.
package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Color is one of few, by what it stands for; each has a value for light and one for dark surroundings.
type Color string

// The colors.
const (
	// First and Second are for the things that are compared, Limit for what they are compared with.
	First  Color = "first"
	Second Color = "second"
	Limit  Color = "limit"
	// faint is for lines that only guide the eye. text and dim are for text.
	faint Color = "faint"
	text  Color = "text"
	dim   Color = "dim"
)

// style holds the colors and what all pictures share.
const style = `<style>
svg{--back:#ffffff;--text:#1f2328;--dim:#59636e;--faint:#d1d9e0;--first:#0969da;--second:#bc4c00;--limit:#57606a}
@media (prefers-color-scheme:dark){svg{` +
	`--back:#0d1117;--text:#f0f6fc;--dim:#9198a1;--faint:#3d444d;--first:#4493f8;--second:#f0883e;--limit:#b7bdc8}}
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif}
.title{font-size:15px;font-weight:600}
</style>`

// anchor is the end of a text at which its position is.
type anchor string

const (
	start  anchor = "start"
	middle anchor = "middle"
	end    anchor = "end"
)

// width is the width of all pictures in pixels.
const width = 900

// canvas collects the parts of a picture.
type canvas struct {
	parts  []string
	height float64
}

// newCanvas starts a picture with a title, which screen readers read first.
func newCanvas(height float64, title string) *canvas {
	c := &canvas{height: height}
	c.addf(`<title>%s</title>`, html.EscapeString(title))
	c.parts = append(c.parts, style)
	c.addf(`<rect width="%s" height="%s" fill="var(--back)"/>`, number(width), number(height))
	c.addf(`<text class="title" x="16" y="26" fill="var(--text)">%s</text>`, html.EscapeString(title))
	return c
}

func (c *canvas) addf(format string, values ...any) {
	c.parts = append(c.parts, fmt.Sprintf(format, values...))
}

func (c *canvas) line(x1, y1, x2, y2 float64, color Color, width float64) {
	c.addf(`<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="var(--%s)" stroke-width="%s"/>`,
		number(x1), number(y1), number(x2), number(y2), color, number(width))
}

func (c *canvas) dashed(x1, y1, x2, y2 float64, color Color) {
	c.addf(`<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="var(--%s)" stroke-dasharray="5 4"/>`,
		number(x1), number(y1), number(x2), number(y2), color)
}

func (c *canvas) dot(x, y, r float64, color Color, opacity float64) {
	c.addf(`<circle cx="%s" cy="%s" r="%s" fill="var(--%s)" fill-opacity="%s"/>`, number(x), number(y), number(r), color, number(opacity))
}

func (c *canvas) bar(x, y, width, height float64, color Color) {
	c.addf(`<rect x="%s" y="%s" width="%s" height="%s" rx="2" fill="var(--%s)"/>`, number(x), number(y), number(width), number(height), color)
}

func (c *canvas) text(x, y float64, a anchor, color Color, s string) {
	c.addf(`<text x="%s" y="%s" text-anchor="%s" fill="var(--%s)">%s</text>`, number(x), number(y), a, color, html.EscapeString(s))
}

// path joins points with straight lines.
func (c *canvas) path(points [][2]float64, color Color, dashes bool) {
	var d strings.Builder
	for i, p := range points {
		command := " L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&d, "%s%s %s", command, number(p[0]), number(p[1]))
	}
	pattern := ""
	if dashes {
		pattern = ` stroke-dasharray="5 4"`
	}
	c.addf(`<path d="%s" fill="none" stroke="var(--%s)" stroke-width="2"%s/>`, d.String(), color, pattern)
}

// String returns the whole picture.
func (c *canvas) String() string {
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="img">`,
		number(width), number(c.height), number(width), number(c.height))
	return head + "\n" + strings.Join(c.parts, "\n") + "\n</svg>\n"
}

// number formats a coordinate to a tenth of a pixel.
func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// axis maps values to coordinates: from zero at low, to the value most at high.
type axis struct{ low, high, most float64 }

func (a axis) at(value float64) float64 { return a.low + value/a.most*(a.high-a.low) }

// ticks returns round values from zero to at least most, as few as possible but at least four steps.
func ticks(most float64) []float64 {
	if most <= 0 || math.IsInf(most, 0) || math.IsNaN(most) {
		return []float64{0, 1}
	}
	const steps = 4
	step := math.Pow(10, math.Floor(math.Log10(most/steps)))
	for _, factor := range []float64{5, 2} {
		if most/(step*factor) >= steps {
			step *= factor
			break
		}
	}
	var values []float64
	for i := 0; ; i++ {
		values = append(values, float64(i)*step)
		if values[i] >= most {
			return values
		}
	}
}

// scale returns an axis for values up to most, and its ticks.
func scale(low, high, most float64) (axis, []float64) {
	values := ticks(most)
	return axis{low: low, high: high, most: values[len(values)-1]}, values
}

// brief formats a value with the decimal places that the largest tick needs.
func brief(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

// Entry is one line of a legend.
type Entry struct {
	Color Color
	Name  string
}

// legend writes entries side by side.
func (c *canvas) legend(y float64, entries []Entry) {
	const perLetter, gap = 6.6, 34
	x := 16.0
	for _, e := range entries {
		c.dot(x+5, y-4, 5, e.Color, 1)
		c.text(x+15, y, start, text, e.Name)
		x += gap + perLetter*float64(len([]rune(e.Name)))
	}
}
