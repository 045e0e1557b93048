package predict

import (
	"maps"
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// length is how many bytes a text will have. Least and most differ where it holds results: what they will be is not known,
// but what they may be is.
type length struct {
	least, most int
	// from is a reference to a result that makes the difference; empty where there is none.
	from string
}

func exactly(n int) length { return length{least: n, most: n} }

func (l length) plus(other length) length {
	sum := length{least: l.least + other.least, most: l.most + other.most, from: l.from}
	if other.most-other.least > l.most-l.least {
		sum.from = other.from
	}
	return sum
}

// measured is the lengths of a value: of its one text, or of its elements or values by what stands behind the name in a
// reference, "[0]" or ".key".
type measured struct {
	whole length
	parts map[string]length
}

// sizes are what a task, or a pipeline, knows of its params.
type sizes map[string]measured

// scales measures texts.
type scales struct {
	// result is what one result may have at most, in bytes.
	result int
}

// value measures a value, in which variables may stand.
func (s scales) value(value v1.Value, in sizes) measured {
	if r, sole := soleParam(value); sole && len(r.Names) == 1 && (r.Whole || r.Index < 0) {
		return in[r.Names[0]]
	}
	if value.Type == v1.TypeString || value.Type == "" {
		return measured{whole: s.text(value.String, in)}
	}
	m := measured{parts: map[string]length{}}
	for where, text := range value.Texts() {
		m.parts[where] = s.text(text, in)
		m.whole = m.whole.plus(m.parts[where])
	}
	return m
}

func soleParam(value v1.Value) (variables.Reference, bool) {
	r, sole := variables.SoleIn(value)
	return r, sole && r.Root == variables.RootParams
}

// text measures a text. What a reference other than to a param or a result becomes is short: a path, or a name.
func (s scales) text(text string, in sizes) length {
	sum := exactly(len(text))
	for r := range variables.References(text) {
		sum.least -= len(r.Text)
		sum.most -= len(r.Text)
		if r.Root == variables.RootParams && !r.Malformed {
			sum = sum.plus(in.at(r))
			continue
		}
		_, ofTask := r.ResultRef()
		_, ofStep := r.StepResultRef()
		if ofTask || ofStep {
			sum = sum.plus(length{most: s.result, from: r.Text})
		}
	}
	return sum
}

// at measures what a reference to a param becomes.
func (v sizes) at(r variables.Reference) length {
	m := v[r.Names[0]]
	switch {
	case len(r.Names) > 1:
		return m.parts["."+r.Names[1]]
	case r.Index >= 0:
		return m.parts["["+strconv.Itoa(r.Index)+"]"]
	default:
		return m.whole
	}
}

// with measures params: the given values, in which the variables of outer may stand, over the defaults.
func (s scales) with(declared []v1.ParamSpec, given []v1.Param, outer sizes) sizes {
	in := sizes{}
	maps.Copy(in, outer)
	for i := range declared {
		delete(in, declared[i].Name)
		if declared[i].Default != nil {
			in[declared[i].Name] = s.value(*declared[i].Default, nil)
		}
	}
	for i := range given {
		in[given[i].Name] = s.value(given[i].Value, outer)
	}
	return in
}
