package matrix

import (
	"errors"
	"fmt"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestCombinationsAreBounded: few combinations of many params are as large as many of few.
func TestCombinationsAreBounded(t *testing.T) {
	m := &v1.Matrix{Params: []v1.Param{{Name: "a", Value: v1.ArrayValue(make([]string, 200)...)}}}
	for i := range 10_000 {
		m.Params = append(m.Params, v1.Param{Name: fmt.Sprintf("p%d", i), Value: v1.ArrayValue("x")})
	}
	_, err := Combinations(m, 256)
	if large, ok := errors.AsType[*TooManyParamsError](err); !ok || large.Count != 200*10_001 || large.Limit != maxParams {
		t.Errorf("want it refused with both numbers, got %v", err)
	}
	m.Params = m.Params[:1000]
	if all, err := Combinations(m, 256); err != nil || len(all) != 200 || len(all[199].Params) != 1000 {
		t.Errorf("want 200 combinations of 1000 params, got %d, %v", len(all), err)
	}
	var added []v1.Param
	for i := range 10_000 {
		added = append(added, v1.Param{Name: fmt.Sprintf("i%d", i), Value: v1.StringValue("x")})
	}
	m.Params, m.Include = m.Params[:1], []v1.MatrixInclude{{Name: "wide", Params: added}}
	if _, err := Combinations(m, 256); !errors.As(err, new(*TooManyParamsError)) {
		t.Errorf("want what include adds to be counted, got %v", err)
	}
}
