// Package matrix computes the combinations of the params of a matrix. Variables in them are already substituted.
package matrix

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Combination is the params of one TaskRun.
type Combination struct {
	// Name has the names of its entries of include, in their order and separated by blanks; empty if it has none with a name.
	Name string
	// Params are the params, each a string, ordered by their names.
	Params []v1.Param
}

// TooManyError is a matrix with more combinations than allowed.
type TooManyError struct {
	// Count is the minimum number of combinations, and Limit the permitted number.
	Count, Limit int
}

// Error names the number, the limit and its setting.
func (e *TooManyError) Error() string {
	return fmt.Sprintf("cannot run each combination of the matrix: the number of combinations is at least %d, and the limit is %d "+
		"(default-max-matrix-combinations-count); give fewer values, or split the task", e.Count, e.Limit)
}

// maxParams is the maximum number of params of all combinations together: 256 combinations with 1024 params. They take about
// 25 MB.
const maxParams = 256 << 10

// TooManyParamsError is a matrix whose combinations together have more params than allowed.
type TooManyParamsError struct {
	// Count is the minimum number of params, and Limit the permitted number.
	Count, Limit int
}

// Error names the number and the limit.
func (e *TooManyParamsError) Error() string {
	return fmt.Sprintf("cannot run each combination of the matrix: together they have at least %d params, "+
		"and the limit is %d; "+
		"set params with one value in params instead of the matrix, or split the task", e.Count, e.Limit)
}

// TypeError is a param of a matrix with the wrong type.
type TypeError struct {
	// Field is the path of the param's value.
	Field string
	// Want is the required type, and Found the type of the value.
	Want, Found v1.ValueType
}

// Error names the field and both types.
func (e *TypeError) Error() string {
	return fmt.Sprintf("cannot use %s in the matrix: it is of type %s, and must be of type %s", e.Field, e.Found, e.Want)
}

// Combinations returns the combinations of a matrix. The first ones are the product of all params, in which the first param
// changes fastest. An entry of include is then added to each of these combinations with which it agrees: for each param that
// both name, they have the same value. An entry that agrees with none becomes a separate combination, and so does every entry
// of a matrix without params.
//
// If a param is an empty array, there are no combinations. The error is a *TooManyError, a *TooManyParamsError or a
// *TypeError.
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
		if !include(combinations, at, &m.Include[i], &total) {
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
	return ordered(combinations), nil
}

// ordered orders the params of each combination by their names, as the TaskRuns of Tekton have them. Clients compare them. The params
// of an entry of include are copied, because they belong to the pipeline.
func ordered(combinations []Combination) []Combination {
	for i := range combinations {
		c := &combinations[i]
		c.Params = slices.Clone(c.Params)
		slices.SortStableFunc(c.Params, func(a, b v1.Param) int { return strings.Compare(a.Name, b.Name) })
	}
	return combinations
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

// product returns the product of all params.
func product(params []v1.Param, limit int) ([]Combination, error) {
	empty := func(p v1.Param) bool { return len(p.Value.Array) == 0 }
	if len(params) == 0 || slices.ContainsFunc(params, empty) {
		return nil, nil
	}
	count := 1
	for i := range params {
		// The check at each step prevents an overflow of the product of many long arrays.
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

// include adds the params and the name of an entry to the combinations that agree with it, and reports whether there are any. It
// counts the added params in total, and stops above the limit.
func include(combinations []Combination, at []positions, entry *v1.MatrixInclude, total *int) bool {
	added, fitted := entry.Params, false
	for i := range combinations {
		if *total > maxParams {
			return fitted
		}
		c, at := &combinations[i], at[i]
		if !at.fit(c.Params, added) {
			continue
		}
		fitted = true
		c.Name = strings.TrimSpace(c.Name + " " + entry.Name)
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

// positions are the positions of the params in a combination: those of the matrix, which are the same in all combinations,
// and those that include has added to this one.
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

// fit reports whether added overwrites no value that the combination has from the matrix.
func (p positions) fit(combined, added []v1.Param) bool {
	for i := range added {
		if n, has := p.shared[added[i].Name]; has && combined[n].Value.String != added[i].Value.String {
			return false
		}
	}
	return true
}
