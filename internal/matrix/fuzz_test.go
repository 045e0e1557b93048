package matrix

import (
	"encoding/json"
	"errors"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// FuzzCombinations: whatever a matrix holds, there are as many combinations as its arrays have, and never more than the
// limit; each has every param, with an element of its array.
func FuzzCombinations(f *testing.F) {
	f.Add([]byte(`{"params":[{"name":"os","value":["linux","mac"]},{"name":"arch","value":["a","b","c"]}]}`), 256)
	f.Add([]byte(`{"params":[{"name":"os","value":["linux"]}],"include":[{"name":"x","params":[{"name":"os",`+
		`"value":"linux"},{"name":"k","value":"v"}]},{"params":[{"name":"os","value":"mac"}]}]}`), 2)
	f.Add([]byte(`{"params":[{"name":"p","value":[]},{"name":"p","value":"text"}],"include":[{}]}`), 1)
	f.Add([]byte(`{"params":[{"name":"p","value":["a","a"]},{"name":"p","value":["b"]}]}`), 0)
	f.Add([]byte(`{"include":[{},{"params":[{"name":"p","value":["a"]}]}]}`), -1)
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		var m v1.Matrix
		if json.Unmarshal(data, &m) != nil {
			return
		}
		limit = min(limit, 1000)
		combinations, err := Combinations(&m, limit)
		if err != nil {
			var tooMany *TooManyError
			var typed *TypeError
			if !errors.As(err, &tooMany) && !errors.As(err, &typed) || len(combinations) > 0 || err.Error() == "" {
				t.Fatalf("%s gave %d combinations and %v", data, len(combinations), err)
			}
			return
		}
		if len(combinations) > max(limit, 0) {
			t.Fatalf("%s gave %d combinations, over the limit of %d", data, len(combinations), limit)
		}
		checkCombinations(t, &m, combinations)
	})
}

func checkCombinations(t *testing.T, m *v1.Matrix, combinations []Combination) {
	t.Helper()
	count := 0
	if len(m.Params) > 0 {
		count = 1
	}
	for _, param := range m.Params {
		count *= len(param.Value.Array)
	}
	if most := count + len(m.Include); len(combinations) < count || len(combinations) > most {
		t.Fatalf("%d combinations: want %d to %d", len(combinations), count, most)
	}
	for i, combination := range combinations {
		if i < count && len(combination.Params) < len(m.Params) {
			t.Errorf("combination %d lacks a param: %+v", i, combination)
		}
		for _, param := range combination.Params {
			if param.Value.Type != v1.TypeString {
				t.Errorf("combination %d has a param that is no string: %+v", i, combination)
			}
		}
	}
}
