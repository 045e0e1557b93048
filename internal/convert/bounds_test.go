package convert

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// hostile returns specs of v1beta1 whose size grows with n.
func hostile() map[string]func(n int) string {
	return map[string]func(n int) string{
		"Steps": func(n int) string {
			return `{"steps":[` + strings.Repeat(`{"tty":true,"ports":[1],"resources":{}},`, n) + `{}]}`
		},
		"EmptySteps": func(n int) string { return `{"steps":[` + strings.Repeat(`{},`, n) + `{}]}` },
		"Bundles": func(n int) string {
			return `{"tasks":[` + strings.Repeat(`{"taskRef":{"name":"a","bundle":"b"}},`, n) + `{}]}`
		},
		"PipelinesInPipelines": func(n int) string {
			return strings.Repeat(`{"resources":[],"tasks":[{"pipelineSpec":`, n) + `{}` + strings.Repeat(`}]}`, n)
		},
	}
}

// TestConversionIsLinear: an object of twice the size takes at most twice as many allocations and bytes in the result, in both ways.
func TestConversionIsLinear(t *testing.T) {
	const n = 300
	for name, spec := range hostile() {
		t.Run(name, func(t *testing.T) {
			kind := v1.KindPipeline
			if strings.HasSuffix(name, "Steps") {
				kind = v1.KindTask
			}
			cost := func(n int) (up, down float64, size int) {
				older := []byte(`{"apiVersion":"tekton.dev/v1beta1","kind":"` + kind + `","metadata":{"name":"a"},"spec":` + spec(n) + `}`)
				newer, err := Object(older, v1.GroupVersion.String())
				if err != nil {
					t.Fatal(err)
				}
				allocations := func(raw []byte, version string) float64 {
					return testing.AllocsPerRun(1, func() {
						if _, err := Object(raw, version); err != nil {
							t.Fatal(err)
						}
					})
				}
				return allocations(older, v1.GroupVersion.String()), allocations(newer, V1beta1), len(newer)
			}
			up, down, size := cost(n)
			up2, down2, size2 := cost(2 * n)
			if up2 > 2.2*up || down2 > 2.2*down || float64(size2) > 2.2*float64(size) {
				t.Errorf("of %d: %.0f and %.0f allocations, %d bytes; of %d: %.0f and %.0f allocations, %d bytes",
					n, up, down, size, 2*n, up2, down2, size2)
			}
		})
	}
}

// TestRefused: what a new object must not have is named from the converted object. What never had an effect is not refused.
func TestRefused(t *testing.T) {
	cases := map[string]struct {
		reason string
		kind   string
		fields string
		want   []string
	}{
		"Nothing": {
			reason: "fields without effect, and an old timeout, are valid",
			kind:   "PipelineRun",
			fields: "{spec: {timeout: 1h0m0s, pipelineSpec: {tasks: [{taskSpec: {steps: [{tty: true}], stepTemplate: {name: x}}}]}}}",
		},
		"Status": {
			reason: "a status is not written by the author of an object",
			kind:   "TaskRun",
			fields: "{status: {cloudEvents: [], resourcesResult: []}}",
		},
		"Each": {
			reason: "each field is named, in order",
			kind:   "PipelineRun",
			fields: "{spec: {resources: [], timeout: 1h0m0s, timeouts: {}, pipelineRef: {name: a, bundle: b}, " +
				"taskRunSpecs: [{stepOverrides: [{computeResources: {}}]}]}}",
			want: []string{
				"spec.pipelineRef.bundle: it was replaced by the resolver bundles",
				"spec.resources: PipelineResources do not exist any more",
				"spec.taskRunSpecs[0].stepOverrides[0].computeResources: v1beta1 has this field under the name resources",
				"spec.timeout: timeouts is set too",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o, err := decode(whole(t, V1beta1, tc.kind, tc.fields))
			if err != nil {
				t.Fatal(err)
			}
			if err := Convert(o, v1.GroupVersion.String()); err != nil {
				t.Fatal(err)
			}
			refused := Refused(o, 10)
			if len(refused) != len(tc.want) {
				t.Fatalf("%s: want %d fields, got %v", tc.reason, len(tc.want), refused)
			}
			for i, want := range tc.want {
				if !strings.HasPrefix(refused[i].Error(), want) {
					t.Errorf("%s: want %q, got %q", tc.reason, want, refused[i])
				}
			}
			if some := Refused(o, 1); len(some) > 1 {
				t.Errorf("want at most one, got %v", some)
			}
		})
	}
}

// TestOtherVersions: an object of another kind or version is not converted, and the message says which are.
func TestOtherVersions(t *testing.T) {
	for _, other := range []struct{ from, kind, to string }{
		{"tekton.dev/v1alpha1", "Task", "tekton.dev/v1"},
		{"tekton.dev/v1", "Task", "tekton.dev/v1alpha1"},
		{"tekton.dev/v1beta1", "CustomRun", "tekton.dev/v1"},
		{"tekton.dev/v1beta1", "StepAction", "tekton.dev/v1"},
		{"example.com/v1beta1", "Task", "tekton.dev/v1"},
		{"", "", ""},
	} {
		_, err := Object(whole(t, other.from, other.kind, "{}"), other.to)
		if err == nil || !strings.Contains(err.Error(), "cannot convert kind "+strconv.Quote(other.kind)) {
			t.Errorf("%+v: want a refusal, got %v", other, err)
		}
	}
	action := whole(t, V1alpha1, "StepAction", "{spec: {image: a, resources: {}}}")
	got, err := Object(action, V1beta1)
	if want := whole(t, V1beta1, "StepAction", "{spec: {image: a, resources: {}}}"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("want %s, got %s, %v", want, got, err)
	}
}

// FuzzObject: no fields make a conversion fail, in either direction.
func FuzzObject(f *testing.F) {
	for _, fields := range []string{
		`{}`,
		`{"spec":{"timeout":"1h","serviceAccountName":"a","taskRunTemplate":{}}}`,
		`{"metadata":{"annotations":{"sluice.dev/v1beta1":"{\"spec\":{\"steps\":{\"0\":{\"ports\":[]}},\"timeout\":1}}"}},"spec":{}}`,
		`{"metadata":{"annotations":{"tekton.dev/v1beta1TaskRuns":"{\"a\":1}","tekton.dev/v1beta1Runs":"{"}},"status":{"childReferences":[]}}`,
		`{"metadata":1,"status":{"taskRuns":{"a":{}}},"spec":{"pipelineRef":{"bundle":"a","name":"b"}}}`,
	} {
		f.Add("PipelineRun", fields, true)
		f.Add("TaskRun", fields, false)
	}
	f.Fuzz(func(t *testing.T, kind, fields string, older bool) {
		var o map[string]any
		if json.Unmarshal([]byte(fields), &o) != nil || o == nil || len(Versions(kind)) == 0 || kind == kindStepAction {
			return
		}
		from, to := v1.GroupVersion.String(), V1beta1
		if older {
			from, to = to, from
		}
		o[fieldAPIVersion], o[fieldKind] = from, kind
		there, err := Object([]byte(text(o)), to)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Object(there, from)
		if err != nil {
			t.Fatal(err)
		}
		if textOfVersion(t, there) != to || textOfVersion(t, back) != from {
			t.Errorf("%s became %s and %s", fields, there, back)
		}
	})
}

func textOfVersion(t *testing.T, raw []byte) string {
	t.Helper()
	o, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return textOf(o, fieldAPIVersion)
}
