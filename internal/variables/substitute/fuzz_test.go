package substitute

import (
	"encoding/json"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// FuzzPipeline: any tasks and results of a pipeline have their variables replaced or are refused by an error that names the
// field. What has no variable in it stays, and what was given is not changed.
func FuzzPipeline(f *testing.F) {
	f.Add([]byte(`{"tasks":[{"name":"a","params":[{"name":"x","value":["$(tasks.t.results.l[*])","$(params.p)"]}],` +
		`"when":[{"input":"$(tasks.t.results.s)","operator":"in","values":["$(params.l[*])"]}]}]}`))
	f.Add([]byte(`{"tasks":[{"name":"b","matrix":{"params":[{"name":"m","value":"$(params.l[*])"}],` +
		`"include":[{"name":"i","params":[{"name":"q","value":"$(params.o.x)"}]}]}}]}`))
	f.Add([]byte(`{"results":[{"name":"r","value":{"k":"$(tasks.t.results.o.k)"}},{"name":"s","type":"array",` +
		`"value":"$(tasks.m.results.r[*])"},{"name":"n","value":"$(tasks.m.matrix.length)"}]}`))
	f.Add([]byte(`{"tasks":[{"name":"c","taskRef":{"resolver":"git","params":[{"name":"url",` +
		`"value":"$(params['d'])"}]},"workspaces":[{"name":"w","subPath":"$(context.pipelineRun.uid)$(tasks.t.results.n)"}]}]}`))
	f.Add([]byte(`{"finally":[{"name":"d","when":[{"cel":"'$(tasks.t.results.q)' == \"$(params.p)\" && $(tasks.t.results.n) > 0.5"}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var spec v1.PipelineSpec
		if json.Unmarshal(data, &spec) != nil {
			return
		}
		before := encoded(t, spec)
		vars := pipelineVariables()
		for _, list := range [][]v1.PipelineTask{spec.Tasks, spec.Finally} {
			for i := range list {
				out, err := PipelineTask(&list[i], vars, tasks{})
				reasoned(t, err)
				kept := list[i]
				kept.When = nil // those are for When
				if was := encoded(t, kept); err == nil && !strings.Contains(was, "$(") && encoded(t, out) != was {
					t.Errorf("without a variable, %s became %s", was, encoded(t, out))
				}
				_, err = When(list[i].When, vars, tasks{})
				reasoned(t, err)
			}
		}
		_, _, err := PipelineResults(spec.Results, vars, tasks{})
		reasoned(t, err)
		if after := encoded(t, spec); after != before {
			t.Errorf("what was given is another now: %s, before %s", after, before)
		}
	})
}

// FuzzStep: any step with any step action is one step, or is refused by an error that names the field.
func FuzzStep(f *testing.F) {
	f.Add([]byte(`{"name":"s","params":[{"name":"p","value":"$(params.x)"}]}`),
		[]byte(`{"image":"i","params":[{"name":"p"},{"name":"q","default":"$(params.p)"}],"script":"echo $(params.p) $(params.q)"}`))
	f.Add([]byte(`{"ref":{"name":"a"},"onError":"continue"}`), []byte(`{"image":"$(params.p[0])",`+
		`"args":["$(params.p[*])"],"params":[{"name":"p","type":"array","default":["a"]}],"results":[{"name":"r"}]}`))
	f.Add([]byte(`{}`), []byte(`{"command":["$(step.results.r.path)"],"env":[{"name":"E","value":"$(params.o.k)"}],`+
		`"params":[{"name":"o","type":"object","properties":{"k":{}}}]}`))
	f.Fuzz(func(t *testing.T, stepJSON, actionJSON []byte) {
		var step v1.Step
		var action v1beta1.StepActionSpec
		if json.Unmarshal(stepJSON, &step) != nil || json.Unmarshal(actionJSON, &action) != nil {
			return
		}
		before := encoded(t, step) + encoded(t, action)
		_, err := Step(nil, &step, &action)
		reasoned(t, err)
		if after := encoded(t, step) + encoded(t, action); after != before {
			t.Errorf("what was given is another now: %s, before %s", after, before)
		}
	})
}

func encoded(t *testing.T, of any) string {
	t.Helper()
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func reasoned(t *testing.T, err error) {
	t.Helper()
	if err != nil && err.Error() == "" {
		t.Errorf("an error without a word: %#v", err)
	}
}
