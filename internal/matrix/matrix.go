// Package matrix fans a task of a pipeline out: it makes the combinations of the params of a matrix. Variables have been
// substituted in them before.
package matrix

import (
	"fmt"
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Combination is what one TaskRun gets.
type Combination struct {
	// Name of the entry of include that it is; empty for one that is made of params.
	Name string
	// Params, each a string.
	Params []v1.Param
}

// TooManyError is a matrix with more combinations than allowed.
type TooManyError struct {
	// Count is how many there are at least, and Limit how many are allowed.
	Count, Limit int
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("cannot run the task once for each combination of its matrix: there are at least %d, and the limit is %d "+
		"(default-max-matrix-combinations-count); give fewer values, or split the task", e.Count, e.Limit)
}

// maxParams is how many params all combinations of a matrix may have together: 256 combinations of 1024 params. They take
// some 25 MB.
const maxParams = 256 << 10

// TooManyParamsError is a matrix whose combinations have more params together than allowed.
type TooManyParamsError struct {
	// Count is how many there are at least, and Limit how many are allowed.
	Count, Limit int
}

func (e *TooManyParamsError) Error() string {
	return fmt.Sprintf("cannot run the task once for each combination of its matrix: these have %d params "+
		"together, or more, and the limit is %d; "+
		"give params that do not vary beside the matrix, or split the task", e.Count, e.Limit)
}

// TypeError is a param of a matrix that does not have the type which it needs there.
type TypeError struct {
	// Field is the path of the param's value.
	Field string
	// Want and Found are the types.
	Want, Found v1.ValueType
}

func (e *TypeError) Error() string {
	return fmt.Sprintf("cannot use %s in the matrix: it is of type %s, and must be of type %s", e.Field, e.Found, e.Want)
}

// Combinations returns the combinations of a matrix: first each element of each param with each of the others, where the
// first param changes fastest; then what include adds. An entry of include is added to all combinations made of params
// that have its values for the params which both name. One that fits none of them is a combination of its own, and so is
// every entry where there are no params.
//
// There are none when one of the params is an empty array. The error is a *TooManyError, a *TooManyParamsError or a *TypeError.
func Combinations(m *v1.Matrix, limit int) ([]Combination, error) {
	if err := checkTypes(m); err != nil {
		return nil, err
	}
	combinations, err := product(m.Params, limit)
	if err != nil || len(m.Params) > 0 && len(combinations) == 0 {
		return nil, err
	}
	var own []Combination
	at, total := positionsOf(m.Params, len(combinations)), len(combinations)*len(m.Params)
	for i := range m.Include {
		if !include(combinations, at, m.Include[i].Params, &total) {
			own = append(own, Combination{Name: m.Include[i].Name, Params: m.Include[i].Params})
		}
		if total > maxParams {
			return nil, &TooManyParamsError{Count: total, Limit: maxParams}
		}
	}
	combinations = append(combinations, own...)
	if len(combinations) > limit {
		return nil, &TooManyError{Count: len(combinations), Limit: limit}
	}
	return combinations, nil
}

func checkTypes(m *v1.Matrix) error {
	for i := range m.Params {
		if found := m.Params[i].Value.Type; found != v1.TypeArray {
			return &TypeError{Field: fmt.Sprintf("matrix.params[%d].value", i), Want: v1.TypeArray, Found: found}
		}
	}
	for i := range m.Include {
		for j := range m.Include[i].Params {
			if found := m.Include[i].Params[j].Value.Type; found != v1.TypeString {
				return &TypeError{Field: fmt.Sprintf("matrix.include[%d].params[%d].value", i, j), Want: v1.TypeString, Found: found}
			}
		}
	}
	return nil
}

// product combines each element of each param with each of the others.
func product(params []v1.Param, limit int) ([]Combination, error) {
	empty := func(p v1.Param) bool { return len(p.Value.Array) == 0 }
	if len(params) == 0 || slices.ContainsFunc(params, empty) {
		return nil, nil
	}
	count := 1
	for i := range params {
		// Checked at each step, so that the product of many long arrays cannot overflow.
		if count *= len(params[i].Value.Array); count > limit {
			return nil, &TooManyError{Count: count, Limit: limit}
		}
	}
	if whole := count * len(params); whole > maxParams {
		return nil, &TooManyParamsError{Count: whole, Limit: maxParams}
	}
	combinations := make([]Combination, count)
	for i := range combinations {
		combined := make([]v1.Param, len(params))
		rest := i
		for j := range params {
			elements := params[j].Value.Array
			combined[j] = v1.Param{Name: params[j].Name, Value: v1.StringValue(elements[rest%len(elements)])}
			rest /= len(elements)
		}
		combinations[i].Params = combined
	}
	return combinations, nil
}

// include adds params to the combinations that they fit, and reports whether there are any. It counts what it adds in total,
// and stops when that is too much.
func include(combinations []Combination, at []positions, added []v1.Param, total *int) bool {
	fitted := false
	for i := range combinations {
		if *total > maxParams {
			return fitted
		}
		c, at := &combinations[i], at[i]
		if !at.fit(c.Params, added) {
			continue
		}
		fitted = true
		for _, param := range added {
			if n, has := at.of(param.Name); has {
				c.Params[n] = param // the same value, or one that an earlier entry has added
				continue
			}
			at.own[param.Name] = len(c.Params)
			c.Params = append(c.Params, param)
			*total++
		}
	}
	return fitted
}

// positions are where the params of a combination stand: those of the matrix, which all combinations have at the same
// place, and its own, which include has added.
type positions struct {
	shared, own map[string]int
}

func positionsOf(params []v1.Param, combinations int) []positions {
	shared := make(map[string]int, len(params))
	for i := range params {
		if _, twice := shared[params[i].Name]; !twice {
			shared[params[i].Name] = i
		}
	}
	all := make([]positions, combinations)
	for i := range all {
		all[i] = positions{shared: shared, own: map[string]int{}}
	}
	return all
}

func (p positions) of(name string) (int, bool) {
	if n, has := p.shared[name]; has {
		return n, true
	}
	n, has := p.own[name]
	return n, has
}

// fit reports whether added would overwrite nothing that the matrix itself gives to a combination.
func (p positions) fit(combined, added []v1.Param) bool {
	for i := range added {
		if n, has := p.shared[added[i].Name]; has && combined[n].Value.String != added[i].Value.String {
			return false
		}
	}
	return true
}
