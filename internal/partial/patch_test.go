package partial_test

import (
	"errors"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/partial"
)

// TestCheckPatch: whether a patch may be sent follows from what it changes.
func TestCheckPatch(t *testing.T) {
	const taskRun, pod, answer, identity = partial.FinishedTaskRun, partial.Pod, partial.Answer, partial.Identity
	type row struct {
		mark partial.Mark
		data string
		lost []string
	}
	everything := []string{"status.data", "metadata.selfLink"}
	cases := map[types.PatchType]map[string]row{
		types.MergePatchType: {
			"Whole":              {data: `{"status":{"results":[]}}`},
			"Annotation":         {mark: taskRun, data: `{"metadata":{"uid":"u","annotations":{"a":"b"}}}`},
			"RemovedAnnotation":  {mark: taskRun, data: `{"metadata":{"annotations":{"a":null}}}`},
			"AllAnnotations":     {mark: taskRun, data: `{"metadata":{"annotations":null}}`, lost: []string{"metadata.annotations"}},
			"Finalizers":         {mark: taskRun, data: `{"metadata":{"finalizers":null}}`},
			"FinalizersUnknown":  {mark: identity, data: `{"metadata":{"finalizers":null}}`, lost: []string{"metadata"}},
			"LabelOfIdentity":    {mark: identity, data: `{"metadata":{"labels":{"a":"b"}}}`},
			"KeptField":          {mark: taskRun, data: `{"metadata":{"uid":"u"},"status":{"sidecars":[{"name":"s"}]}}`},
			"DroppedField":       {mark: taskRun, data: `{"status":{"sidecars":[],"results":[]}}`, lost: []string{"status.results"}},
			"RemovedField":       {mark: taskRun, data: `{"spec":{"taskSpec":null}}`, lost: []string{"spec.taskSpec"}},
			"InsideDroppedField": {mark: taskRun, data: `{"spec":{"taskSpec":{"a":"b"}}}`, lost: []string{"spec.taskSpec"}},
			"InsideDroppedMap":   {mark: taskRun, data: `{"status":{"annotations":{"a":"b"}}}`, lost: []string{"status.annotations"}},
			"Section":            {mark: answer, data: `{"status":null}`, lost: []string{"status.data"}},
			"Unreadable":         {mark: answer, data: `{`, lost: everything},
			"UnknownMark":        {mark: "sluice.dev/shortened/x", data: `{"status":{"a":1}}`, lost: []string{"status"}},
			"MadeFromShortened":  {data: `{"metadata":{"selfLink":"x"}}`, lost: []string{"metadata.selfLink"}},
			"BasedOnShortened":   {data: `{"metadata":{"selfLink":null}}`, lost: []string{"metadata.selfLink"}},
			"LinkInText":         {data: `{"status":{"results":[{"value":{"selfLink":"x"}}]}}`},
		},
		types.ApplyYAMLPatchType: {
			"ServerSideApply": {mark: answer, data: `{}`, lost: everything},
		},
		types.StrategicMergePatchType: {
			"Directive":       {mark: pod, data: `{"spec":{"$retainKeys":[]}}`, lost: pod.Dropped()[1:]},
			"DirectiveInside": {mark: pod, data: `{"metadata":{"annotations":{"$patch":"replace"}}}`, lost: pod.Dropped()[:1]},
			"DirectiveOnTop":  {mark: answer, data: `{"$patch":"delete"}`, lost: everything},
		},
		types.JSONPatchType: {
			"OperationOnOneKey":   {mark: taskRun, data: `[{"op":"add","path":"/metadata/annotations/a","value":"b"}]`},
			"OperationOnMap":      {mark: taskRun, data: `[{"op":"add","path":"/metadata/annotations"}]`, lost: []string{"metadata.annotations"}},
			"OperationOnElement":  {mark: taskRun, data: `[{"op":"add","path":"/status/results/0"}]`, lost: []string{"status.results"}},
			"OperationOnSection":  {mark: answer, data: `[{"op":"remove","path":"/status"}]`, lost: []string{"status.data"}},
			"OperationOnAll":      {mark: answer, data: `[{"op":"add","path":""}]`, lost: everything},
			"Moved":               {mark: taskRun, data: `[{"op":"move","from":"/status/steps","path":"/a"}]`, lost: []string{"status.steps"}},
			"Tested":              {mark: taskRun, data: `[{"op":"test","path":"/status/results"}]`},
			"UnreadableOperation": {mark: answer, data: `{}`, lost: everything},
		},
	}
	for kind, rows := range cases {
		for name, tc := range rows {
			t.Run(name, func(t *testing.T) {
				run := &v1.TaskRun{}
				tc.mark.Put(run)
				err := partial.CheckPatch(run, kind, []byte(tc.data))
				var lost []string
				if refused, ok := errors.AsType[*partial.Error](err); ok {
					lost = refused.Lost
				}
				if !slices.Equal(lost, tc.lost) || (err != nil) != (tc.lost != nil) {
					t.Errorf("want %q lost, got %q: %v", tc.lost, lost, err)
				}
			})
		}
	}
}

// TestMark: copies have the mark, the length of the object stays, and a second transformation changes nothing.
func TestMark(t *testing.T) {
	run := &v1.TaskRun{}
	run.Name = "build"
	length := objectsize.Stored(run)
	for range 2 {
		objectsize.KeepLength(run)
		if length == 0 || partial.Of(run) != "" || partial.Check("update", run) != nil {
			t.Errorf("an object with its length is whole, got %q", run.GetSelfLink())
		}
	}
	for _, mark := range []partial.Mark{partial.FinishedTaskRun, partial.Identity} {
		mark.Put(run)
		if got := run.DeepCopy(); partial.Of(got) != partial.FinishedTaskRun || objectsize.KeptLength(got) != length {
			t.Errorf("want the first mark and length %d, got %q", length, got.GetSelfLink())
		}
	}
	bare := &v1.TaskRun{}
	partial.Answer.Put(bare)
	if objectsize.KeepLength(bare); partial.Of(bare) != partial.Answer || objectsize.KeptLength(bare) != 0 {
		t.Errorf("want a mark without a length, got %q", bare.GetSelfLink())
	}
}

// TestError: the message names the object and what it lacks, and says what to do.
func TestError(t *testing.T) {
	request := &v1.TaskRun{}
	request.Namespace, request.Name = "ci", "build"
	partial.Answer.Put(request)
	const want = `cannot update TaskRun "ci/build": the cache does not keep status.data, and the write would replace what the cluster ` +
		`has; read the object from the API server instead of the cache, and write that`
	if err := partial.Check("update", request); err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
}
