package specschema

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// unlimited is no limit.
var unlimited = Limits{Steps: 1 << 40, Refused: 1 << 40}

func TestMeasure(t *testing.T) {
	list := func(before, element string, n int, after string) string {
		return before + strings.Repeat(element+",", n-1) + element + after
	}
	cases := map[string]struct {
		reason  string
		kind    string
		object  string
		limits  Limits
		refused int
		first   string
	}{
		"Right": {
			reason: "a valid object has no error",
			kind:   "TaskRun",
			object: `{"spec":{"taskSpec":{"steps":[{"image":"a","env":[{"name":"A","value":"b"}]}]},"params":[{"name":"p","value":["x"]}]}}`,
			limits: unlimited,
		},
		"EmptyParams": {
			reason:  "each lacks two fields; the API server compares each error with all others",
			kind:    "PipelineRun",
			object:  list(`{"spec":{"params":[`, `{}`, 1000, `]}}`),
			limits:  unlimited,
			refused: 2000,
			first:   "spec.params[0].name: Required value",
		},
		"OtherTypes": {
			reason:  "values that do not decode are errors of the schema, too",
			kind:    "TaskRun",
			object:  list(`{"spec":{"taskSpec":{"results":[`, `1`, 500, `]}}}`),
			limits:  unlimited,
			refused: 501, // the task has no steps
			first:   `spec.taskSpec.results[0]: Invalid value: "number": it must be of type object`,
		},
		"OtherCase": {
			reason:  "the defaults give these fields their names before the schema is checked",
			kind:    "TaskRun",
			object:  list(`{"SPEC":{"Params":[`, `{"NAME":"a"}`, 10, `]}}`),
			limits:  unlimited,
			refused: 10,
			first:   "spec.params[0].value: Required value",
		},
		"Null": {
			reason:  "the API server removes null from a field, and the field is missing then; in a list it is a value",
			kind:    "TaskRun",
			object:  `{"spec":{"params":[{"name":"a","value":null},null],"timeout":null}}`,
			limits:  unlimited,
			refused: 2,
			first:   "spec.params[0].value: Required value",
		},
		"LongValue": {
			reason:  "the message has whole characters, because JSON cannot have others",
			kind:    "PipelineRun",
			object:  `{"spec":{"pipelineSpec":{"params":[{"name":"a","type":"` + strings.Repeat("ä€", 100) + `"}]}}}`,
			limits:  unlimited,
			refused: 1,
			first: `spec.pipelineSpec.params[0].type: Invalid value: "` + strings.Repeat("ä€", 20) +
				`…": it is none of the values that the field may have`,
		},
		"MetadataAndStatus": {
			reason: "the schema of the spec does not concern them",
			kind:   "TaskRun",
			object: `{"metadata":{"name":1},"spec":{},"status":{"steps":{}}}`,
			limits: unlimited,
		},
		"UnknownKind": {
			reason: "a kind without a CRD is not measured",
			kind:   "Other",
			object: `{"spec":{"params":[{}]}}`,
			limits: unlimited,
		},
		"EndsAtItsLimit": {
			reason:  "a measurement is no work for an attacker to ask for",
			kind:    "TaskRun",
			object:  list(`{"spec":{"params":[`, `{}`, 100_000, `]}}`),
			limits:  Limits{Steps: 1 << 40, Refused: 100},
			refused: 102,
			first:   "spec.params[0].name: Required value",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cost := Of(tc.kind).Measure([]byte(tc.object), tc.limits)
			if cost.Refused != tc.refused || len(cost.Errors) != min(tc.refused, maxErrors) {
				t.Errorf("%s: want %d refused values, got %d, %v", tc.reason, tc.refused, cost.Refused, cost.Errors)
			}
			if len(cost.Errors) > 0 && cost.Errors[0].Error() != tc.first {
				t.Errorf("%s: want %q first, got %q", tc.reason, tc.first, cost.Errors[0])
			}
		})
	}
}

// TestErrorsHaveShortPaths: a key of a map is a part of a path, and can be a megabyte.
func TestErrorsHaveShortPaths(t *testing.T) {
	object := `{"spec":{"podTemplate":{"nodeSelector":{"` + strings.Repeat("k", 1_000_000) + `":1}}}}`
	cost := Of("TaskRun").Measure([]byte(object), unlimited)
	if len(cost.Errors) != 1 || len(cost.Errors[0].Error()) > 1000 {
		t.Errorf("want one short error, got %d, %.200v", cost.Refused, cost.Errors)
	}
}

// TestStepsGrowWithTheObject: an object that is twice as large has twice the cost, and a limit ends the measurement early.
func TestStepsGrowWithTheObject(t *testing.T) {
	steps := func(n int, limits Limits) int {
		object := `{"spec":{"params":[` + strings.TrimSuffix(strings.Repeat(`{"name":"a","value":"b"},`, n), ",") + `]}}`
		return Of("PipelineRun").Measure([]byte(object), limits).Steps
	}
	one, two, four := steps(1000, unlimited), steps(2000, unlimited), steps(4000, unlimited)
	if perParam := (two - one) / 1000; perParam < 10 || two-one != (four-two)/2 {
		t.Errorf("want the same steps for each param, got %d, %d and %d", one, two, four)
	}
	if got := steps(4000, Limits{Steps: one, Refused: 1}); got > one+100 {
		t.Errorf("want an end after %d steps, got %d", one, got)
	}
}

// FuzzMeasure: any valid JSON can be measured, and the errors do not depend on the limit of steps as long as it is not reached.
func FuzzMeasure(f *testing.F) {
	for _, seed := range []string{
		`{"spec":{"params":[{},null,1,"",[]]}}`,
		`{"spec":[]}`,
		`[]`,
		`{"spec":{"timeout":1e999,"retries":1.5}}`,
		`""`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return // the webhook does not measure it
		}
		for _, kind := range []string{"TaskRun", "PipelineRun"} {
			all := Of(kind).Measure(raw, unlimited)
			again := Of(kind).Measure(raw, Limits{Steps: all.Steps, Refused: all.Refused})
			if all.Refused != again.Refused || all.Steps != again.Steps {
				t.Errorf("%s: want %+v, got %+v", kind, all, again)
			}
			if all.Steps > 40*(len(raw)+10) {
				t.Errorf("%s: %d bytes need %d steps", kind, len(raw), all.Steps)
			}
		}
	})
}

// TestMeasureReadsWhiteSpace: an object has the same cost however it is written.
func TestMeasureReadsWhiteSpace(t *testing.T) {
	for seed := range objects {
		g := generator{random: rand.New(rand.NewPCG(seed, 2)), wrong: 0.1}
		short, err := json.Marshal(map[string]any{"spec": g.value(Of("PipelineRun"), 0)})
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(short, &value); err != nil {
			t.Fatal(err)
		}
		long, err := json.MarshalIndent(value, " ", "\t")
		if err != nil {
			t.Fatal(err)
		}
		a, b := Of("PipelineRun").Measure(short, unlimited), Of("PipelineRun").Measure(long, unlimited)
		if a.Steps != b.Steps || a.Refused != b.Refused || !slices.Equal(fields(a), fields(b)) {
			t.Fatalf("seed %d: want %+v, got %+v", seed, a, b)
		}
	}
}

func fields(c Cost) []string {
	var names []string
	for _, e := range c.Errors {
		names = append(names, e.Field)
	}
	slices.Sort(names)
	return names
}
