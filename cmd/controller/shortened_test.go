package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/partial"
	"github.com/sluice-ci/sluice/internal/partial/checked"
	"github.com/sluice-ci/sluice/internal/scheme"
	"github.com/sluice-ci/sluice/test/testutil/fill"
)

// sample is an object before and after a transformation of the cache.
type sample struct{ whole, cached client.Object }

// samples returns what each transformation of the cache makes of objects in which every field is set. Each kind of the scheme is
// among them, because the default transformation gets all kinds without their own.
func samples(t *testing.T) map[string]sample {
	t.Helper()
	kinds, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	all, err := cacheOptions(&options{namespace: "sluice-system", coexist: true, managedBy: v1.ManagedBySluice, tektonNamespace: "t"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	transforms := map[reflect.Type]toolscache.TransformFunc{}
	for kind, by := range all.ByObject {
		transforms[reflect.TypeOf(kind).Elem()] = by.Transform
	}
	out := map[string]sample{}
	for version, kind := range kinds.AllKnownTypes() {
		if !reflect.PointerTo(kind).Implements(reflect.TypeFor[client.Object]()) {
			continue
		}
		use, own := transforms[kind]
		if use == nil {
			use = all.DefaultTransform
		}
		whole := variants(kind)
		if own {
			whole["metadata"] = filled(reflect.TypeFor[metav1.PartialObjectMetadata]())
		}
		for name, o := range whole {
			o.GetObjectKind().SetGroupVersionKind(version)
			cached := copied(o)
			if _, err := use(cached); err != nil {
				t.Fatalf("%s: %v", version, err)
			}
			out[version.String()+" "+name] = sample{o, cached}
		}
	}
	return out
}

// variants returns objects of a kind that differ in what the transformations look at.
func variants(kind reflect.Type) map[string]client.Object {
	all := map[string]client.Object{"filled": filled(kind), "finished": filled(kind)}
	ours, done := new(v1.ManagedBySluice), []metav1.Condition{v1.Succeeded("done")}
	recorded := map[string]string{v1.AnnotationEvents: "1", "k": "x"}
	switch o := all["finished"].(type) {
	case *v1.TaskRun:
		o.Spec.ManagedBy, o.Status.Conditions, o.Status.Annotations = ours, done, recorded
		o.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "k": "x"}
		running := o.DeepCopy()
		running.Status.Conditions = nil
		all["running"] = running
	case *v1.PipelineRun:
		o.Spec.ManagedBy, o.Status.Conditions, o.Status.Annotations = ours, done, recorded
	case *v1beta1.CustomRun:
		o.Status.Conditions[0].Message = strings.Repeat("long ", 10_000)
		o.Spec.CustomSpec.Spec = &runtime.RawExtension{Raw: []byte("{}")}
		o.Status.RetriesStatus, o.Status.ExtraFields = o.Spec.CustomSpec.Spec, o.Spec.CustomSpec.Spec
	}
	return all
}

func filled(kind reflect.Type) client.Object {
	v := reflect.New(kind)
	opaque := func(t reflect.Type) bool {
		return t.Implements(reflect.TypeFor[json.Marshaler]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]())
	}
	fill.Everything(v.Elem(), 6, fill.With{Value: v1.StringValue("x"), Skip: opaque})
	o, _ := reflect.TypeAssert[client.Object](v) // samples has chosen the kinds that are objects
	o.SetSelfLink("")                            // as the API server sends it
	return o
}

// parts returns the fields of the sections of an object: those of its status are named "status.…". The API server keeps the managed
// fields of an object that is written without them, so they do not count.
func parts(t *testing.T, o client.Object) map[string]any {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatalf("%T: %v", o, err)
	}
	var sections map[string]any
	if err := json.Unmarshal(raw, &sections); err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	for name, section := range sections {
		within, ok := section.(map[string]any)
		if !ok {
			within = map[string]any{"": section}
		}
		for field, value := range within {
			out[name+"."+field] = value
		}
	}
	delete(out, "metadata.managedFields")
	delete(out, "metadata.selfLink")
	return out
}

// missing returns the fields that an object has no more in the cache, or that are not the same there.
func (s sample) missing(t *testing.T) []string {
	t.Helper()
	whole, cached := parts(t, s.whole), parts(t, s.cached)
	maps.DeleteFunc(whole, func(field string, value any) bool { return reflect.DeepEqual(value, cached[field]) })
	return slices.Sorted(maps.Keys(whole))
}

// covers reports whether one of the dropped parts is a field, or its section.
func covers(dropped []string, field string) bool {
	section, _, _ := strings.Cut(field, ".")
	return slices.Contains(dropped, field) || slices.Contains(dropped, section)
}

// TestShortenedObjectsAreMarked: an object has a mark exactly if a transformation of the cache has removed something from it, and the
// mark names exactly what that was. Without it, a write of the object would remove results from the cluster.
func TestShortenedObjectsAreMarked(t *testing.T) {
	removed := map[partial.Mark][]string{}
	for name, s := range samples(t) {
		missing, mark := s.missing(t), partial.Of(s.cached)
		if (len(missing) > 0) != (mark != "") {
			t.Errorf("%s: mark %q, and the cache has dropped %v", name, mark, missing)
		}
		for _, field := range missing {
			if !covers(mark.Dropped(), field) {
				t.Errorf("%s: the cache has dropped %s, which is not a part of mark %q", name, field, mark)
			}
		}
		removed[mark] = append(removed[mark], missing...)
	}
	for mark, missing := range removed {
		for _, part := range mark.Dropped() {
			if !slices.ContainsFunc(missing, func(field string) bool { return covers([]string{part}, field) }) {
				t.Errorf("mark %q has %s, which no transformation drops", mark, part)
			}
		}
	}
	if len(removed) < 7 { // one is that of whole objects
		t.Errorf("want the marks of all transformations, got %v", slices.Collect(maps.Keys(removed)))
	}
}

// writes returns the ways to write what was read from the cache. Those of sends have the object in them, or its difference to a whole
// one, or what it has in place of a dropped part. Those of spares have nothing of what the cache lacks.
func writes(ctx context.Context, c client.Client, s sample) (sends, spares map[string]func() error) {
	named := &v1.TaskRun{} // only names what is written
	before, after := copied(s.cached), copied(s.cached)
	before.SetAnnotations(map[string]string{"c": "d"})
	after.SetAnnotations(map[string]string{"a": "b"})
	raw, _ := json.Marshal(s.cached) // an error leaves nothing, and the test fails
	merge := func(data []byte) client.Patch { return client.RawPatch(types.MergePatchType, data) }
	body := &client.SubResourceApplyOptions{SubResourceBody: configuration(s.cached)}
	sends = map[string]func() error{
		"Create":       func() error { return c.Create(ctx, s.cached) },
		"CreateBody":   func() error { return c.SubResource("x").Create(ctx, named, s.cached) },
		"Update":       func() error { return c.Update(ctx, s.cached) },
		"UpdateStatus": func() error { return c.Status().Update(ctx, s.cached) },
		"UpdateBody":   func() error { return c.Status().Update(ctx, named, client.WithSubResourceBody(s.cached)) },
		"Apply":        func() error { return c.Apply(ctx, configuration(s.cached)) },
		"ApplyStatus":  func() error { return c.Status().Apply(ctx, configuration(s.cached)) },
		"ApplyBody":    func() error { return c.Status().Apply(ctx, configuration(named), body) },
		"Merge":        func() error { return c.Patch(ctx, s.cached, client.Merge) },
		"MergeStatus":  func() error { return c.Status().Patch(ctx, s.cached, client.Merge) },
		"MergeBody": func() error {
			return c.Status().Patch(ctx, named, client.Merge, &client.SubResourcePatchOptions{SubResourceBody: s.cached})
		},
		"MergeFromWhole": func() error { return c.Patch(ctx, s.cached, client.MergeFrom(s.whole)) },
		"MergeRaw":       func() error { return c.Patch(ctx, named, merge(raw)) },
	}
	for _, part := range partial.Of(s.cached).Dropped() {
		section, field, _ := strings.Cut(part, ".")
		change := fmt.Appendf(nil, `{%q: {%q: ["x"]}}`, section, field)
		sends["Merge "+part] = func() error { return c.Status().Patch(ctx, s.cached, merge(change)) }
	}
	return sends, map[string]func() error{
		"Delete":        func() error { return c.Delete(ctx, s.cached) },
		"DeleteAllOf":   func() error { return c.DeleteAllOf(ctx, s.cached) },
		"Evict":         func() error { return c.SubResource("eviction").Create(ctx, s.cached, &policyv1.Eviction{}) },
		"Annotate":      func() error { return c.Patch(ctx, s.cached, merge([]byte(`{"metadata":{"annotations":{"a":"b"}}}`))) },
		"AnnotateMerge": func() error { return c.Patch(ctx, after, client.MergeFrom(before)) },
	}
}

func copied(o client.Object) client.Object {
	out, _ := o.DeepCopyObject().(client.Object) // of the same type
	return out
}

func configuration(o client.Object) runtime.ApplyConfiguration {
	content, _ := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	return client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: content})
}

// counting returns a checked client that only counts what it sends.
func counting(sent *int) client.Client {
	count := func() error { *sent++; return nil }
	return checked.New(interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return count() },
		Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error { return count() },
		DeleteAllOf: func(context.Context, client.WithWatch, client.Object, ...client.DeleteAllOfOption) error {
			return count()
		},
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error { return count() },
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return count()
		},
		Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
			return count()
		},
		SubResourceCreate: func(context.Context, client.Client, string, client.Object, client.Object,
			...client.SubResourceCreateOption) error {
			return count()
		},
		SubResourceUpdate: func(context.Context, client.Client, string, client.Object, ...client.SubResourceUpdateOption) error {
			return count()
		},
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch,
			...client.SubResourcePatchOption) error {
			return count()
		},
		SubResourceApply: func(context.Context, client.Client, string, runtime.ApplyConfiguration,
			...client.SubResourceApplyOption) error {
			return count()
		},
	}))
}

// TestShortenedObjectsAreNotWritten: nothing that a transformation of the cache has shortened is sent in any way, and the writes that
// send nothing of it are possible. A running TaskRun is whole in the cache, and shows that the other writes are sent.
func TestShortenedObjectsAreNotWritten(t *testing.T) {
	for name, s := range samples(t) {
		shortened, sent := partial.Of(s.cached) != "", 0
		if _, ok := s.whole.(*v1.TaskRun); !ok && !shortened {
			continue
		}
		check := func(how string, write func() error, refuse bool) {
			sent = 0
			err := write()
			_, refused := errors.AsType[*partial.Error](err)
			if refused != refuse || (sent == 1) == refuse || err != nil != refuse {
				t.Errorf("%s, %s: want refused %t, got %d sent, %v", name, how, refuse, sent, err)
			}
		}
		sends, spares := writes(t.Context(), counting(&sent), s)
		for how, write := range sends {
			check(how, write, shortened)
		}
		for how, write := range spares {
			check(how, write, false)
		}
	}
}

// TestManagerRefusesShortenedObjects: the client of the manager refuses them before it sends a request. There is no API server here.
func TestManagerRefusesShortenedObjects(t *testing.T) {
	opts, err := managerOptions(&options{namespace: "n"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := opts.NewClient(&rest.Config{}, client.Options{Scheme: opts.Scheme, Mapper: meta.NewDefaultRESTMapper(nil)})
	if err != nil {
		t.Fatal(err)
	}
	run := &v1.TaskRun{}
	partial.FinishedTaskRun.Put(run)
	if _, ok := errors.AsType[*partial.Error](c.Update(t.Context(), run)); !ok {
		t.Error("want the write refused")
	}
}
