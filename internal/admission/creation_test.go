package admission_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/creation"
	"github.com/sluice-ci/sluice/internal/validation"
)

// settings are those of an installation that sets everything.
func settings() creation.Settings {
	return creation.Settings{
		Release: "v1.2.3",
		Defaults: config.Defaults{
			Timeout:        30 * time.Minute,
			ServiceAccount: "builder",
			ManagedBy:      "us",
			PodTemplate: &v1.PodTemplate{
				NodeSelector: map[string]string{"disk": "ssd"},
				Env:          []corev1.EnvVar{{Name: "PROXY", Value: "p"}},
			},
		},
	}
}

// TestRunsAreCompleted: the webhook writes the defaults of the installation, and what clients find a run by, into a new run.
func TestRunsAreCompleted(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, run, old string
		want           string
	}{
		"NewTaskRun": {
			kind: v1.KindTaskRun,
			run:  `{"metadata":{"name":"r"},"spec":{"taskRef":{"name":"t"}}}`,
			want: `{"metadata":{"name":"r","labels":{"app.kubernetes.io/managed-by":"us"},
				"annotations":{"pipeline.tekton.dev/release":"v1.2.3"}},
				"spec":{"taskRef":{"name":"t","kind":"Task"},"timeout":"30m0s","serviceAccountName":"builder",
				"podTemplate":{"nodeSelector":{"disk":"ssd"},"env":[{"name":"PROXY","value":"p"}]}}}`,
		},
		"NewPipelineRun": {
			kind: v1.KindPipelineRun,
			run:  `{"metadata":{"name":"r"},"spec":{"pipelineRef":{"name":"p"}}}`,
			want: `{"metadata":{"name":"r","labels":{"tekton.dev/pipeline":"p"},"annotations":{"pipeline.tekton.dev/release":"v1.2.3"}},
				"spec":{"pipelineRef":{"name":"p"},"timeouts":{"pipeline":"30m0s"},"taskRunTemplate":{"serviceAccountName":"builder",
				"podTemplate":{"nodeSelector":{"disk":"ssd"},"env":[{"name":"PROXY","value":"p"}]}}}}`,
		},
		"WhatTheRunSaysStays": {
			kind: v1.KindTaskRun,
			run: `{"metadata":{"name":"r","labels":{"app.kubernetes.io/managed-by":"me"}},"spec":{"taskRef":{"name":"t","kind":"Task"},
				"timeout":"0s","serviceAccountName":"own","podTemplate":{"env":[{"name":"A","value":"a"},{"name":"PROXY","value":"own"}]}}}`,
			want: `{"metadata":{"name":"r","labels":{"app.kubernetes.io/managed-by":"me"},
				"annotations":{"pipeline.tekton.dev/release":"v1.2.3"}},
				"spec":{"taskRef":{"name":"t","kind":"Task"},"timeout":"0s","serviceAccountName":"own","podTemplate":
				{"nodeSelector":{"disk":"ssd"},"env":[{"name":"PROXY","value":"own"},{"name":"A","value":"a"}]}}}`,
		},
		"AnnotationsOfChains": {
			kind: v1.KindPipelineRun,
			run: `{"metadata":{"name":"r","labels":{"tekton.dev/pipeline":"p"},
				"annotations":{"chains.tekton.dev/signed":"true","chains.tekton.dev/a~b/c":"x"}},
				"spec":{"pipelineRef":{"name":"p"},"timeouts":{"pipeline":"1m0s"},"taskRunTemplate":{"serviceAccountName":"a",
				"podTemplate":{"nodeSelector":{"disk":"ssd"},"env":[{"name":"PROXY","value":"p"}]}}}}`,
			want: `{"metadata":{"name":"r","labels":{"tekton.dev/pipeline":"p"},"annotations":{"pipeline.tekton.dev/release":"v1.2.3"}},
				"spec":{"pipelineRef":{"name":"p"},"timeouts":{"pipeline":"1m0s"},"taskRunTemplate":{"serviceAccountName":"a",
				"podTemplate":{"nodeSelector":{"disk":"ssd"},"env":[{"name":"PROXY","value":"p"}]}}}}`,
		},
		"SameManifestAgain": {
			kind: v1.KindTaskRun,
			run:  `{"metadata":{"name":"r"},"spec":{"taskRef":{"name":"t","kind":"Task"}}}`,
			old: `{"metadata":{"name":"r"},"spec":{"taskRef":{"name":"t","kind":"Task"},"timeout":"5m0s","serviceAccountName":"before",
				"podTemplate":{"nodeSelector":{"disk":"ssd"},"env":[{"name":"PROXY","value":"p"}]}}}`,
			want: `{"metadata":{"name":"r"},"spec":{"taskRef":{"name":"t","kind":"Task"},"timeout":"5m0s","serviceAccountName":"before",
				"podTemplate":{"nodeSelector":{"disk":"ssd"},"env":[{"name":"PROXY","value":"p"}]}}}`,
		},
		"SamePipelineRunAgain": {
			kind: v1.KindPipelineRun,
			run:  `{"metadata":{"name":"r"},"spec":{"pipelineRef":{"name":"p"},"timeouts":{"tasks":"2m0s"}}}`,
			old: `{"metadata":{"name":"r"},"spec":{"pipelineRef":{"name":"p"},"timeouts":{"pipeline":"5m0s","tasks":"2m0s"},
				"taskRunTemplate":{"serviceAccountName":"before"}}}`,
			want: `{"metadata":{"name":"r"},"spec":{"pipelineRef":{"name":"p"},"timeouts":{"pipeline":"5m0s","tasks":"2m0s"},
				"taskRunTemplate":{"serviceAccountName":"before"}}}`,
		},
		"OlderRun": { // a run from before there were defaults in it can still be cancelled
			kind: v1.KindPipelineRun,
			run:  `{"metadata":{"name":"r"},"spec":{"pipelineRef":{"name":"p"},"status":"Cancelled"}}`,
			old:  `{"metadata":{"name":"r"},"spec":{"pipelineRef":{"name":"p"}}}`,
			want: `{"metadata":{"name":"r"},"spec":{"pipelineRef":{"name":"p"},"status":"Cancelled"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			hook := served(t, admission.All(validation.DefaultLimits, settings))[admission.DefaultingPath]
			ask := request(tc.kind, tc.run, tc.old)
			ask.Kind.Group = v1.GroupName
			answer := hook.Handle(t.Context(), ctrladmission.Request{AdmissionRequest: ask})
			if got, want := document(t, applied(t, tc.run, answer)), document(t, []byte(tc.want)); !reflect.DeepEqual(got, want) {
				t.Errorf("want %v\ngot  %v", want, got)
			}
		})
	}
}

// applied returns an object with the patches of an answer.
func applied(t *testing.T, object string, answer ctrladmission.Response) []byte {
	t.Helper()
	if !answer.Allowed {
		t.Fatalf("refused: %v", answer.Result)
	}
	encoded, err := json.Marshal(answer.Patches)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(encoded)
	if err != nil || len(answer.Patches) == 0 {
		return []byte(object)
	}
	after, err := patch.Apply([]byte(object))
	if err != nil {
		t.Fatalf("cannot apply %s: %v", encoded, err)
	}
	return after
}

func document(t *testing.T, text []byte) any {
	t.Helper()
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
