package predict

import (
	"maps"
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// length is the length of a text in bytes. Least and most differ if the text holds results: their lengths are unknown, but
// their limit is known.
type length struct {
	least, most int
	// from is the reference to a result that makes most larger than least; empty if there is none.
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

// measured is the lengths of a value by suffix of a reference: "" for a string, "[0]" for an element, ".key" for a value of
// an object.
type measured struct {
	whole length
	parts map[string]length
}

// sizes are the known lengths of the params of a task or a pipeline.
type sizes map[string]measured

// scales measures texts.
type scales struct {
	// result is the maximum length of one result in bytes.
	result int
}

// value measures a value, which may contain variables.
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

// text measures a text. A variable that is not a param or a result becomes a short text: a path or a name.
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

// at returns the length of the value of a reference to a param.
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

// with measures params: the given values, which may contain variables of outer, or else the defaults.
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
