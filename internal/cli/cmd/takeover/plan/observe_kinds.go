package plan

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// kindRequest is the kind of the requests to resolvers.
const kindRequest = "ResolutionRequest"

// groups are those of the kinds that Sluice takes over.
func groups() []string { return []string{v1.GroupName, resolutionv1beta1.GroupName} }

// extensions is the API group of CustomResourceDefinitions.
func extensions() schema.GroupVersion {
	return schema.GroupVersion{Group: "apiextensions.k8s.io", Version: "v1"}
}

// kinds reads the CustomResourceDefinitions, and counts their objects.
func (o *observer) kinds(ctx context.Context) {
	o.each(ctx, extensions().WithKind("CustomResourceDefinition"), "list customresourcedefinitions", func(crd *unstructured.Unstructured) {
		group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
		if !slices.Contains(groups(), group) {
			return
		}
		k := kindOf(crd)
		name, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
		o.count(ctx, &k, schema.GroupVersionKind{Group: group, Version: k.Storage, Kind: name})
		o.facts.Kinds = append(o.facts.Kinds, k)
	})
	slices.SortFunc(o.facts.Kinds, func(a, b Kind) int { return cmp.Compare(a.CRD, b.CRD) })
}

// kindOf returns the versions of a CustomResourceDefinition.
func kindOf(crd *unstructured.Unstructured) Kind {
	k := Kind{CRD: crd.GetName(), Owner: crd.GetLabels()["app.kubernetes.io/part-of"], Served: []string{}, Stored: []string{}}
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, entry := range versions {
		version, _ := entry.(map[string]any)
		name, _ := version["name"].(string)
		if served, _ := version["served"].(bool); served {
			k.Served = append(k.Served, name)
		}
		if storage, _ := version["storage"].(bool); storage {
			k.Storage = name
		}
	}
	stored, _, _ := unstructured.NestedStringSlice(crd.Object, "status", "storedVersions")
	k.Stored = append(k.Stored, stored...)
	slices.Sort(k.Served)
	slices.Sort(k.Stored)
	strategy, _, _ := unstructured.NestedString(crd.Object, "spec", "conversion", "strategy")
	k.Conversion = strategy == "Webhook"
	return k
}

// maxSubjects is how many types, kinds or modes are counted by name.
const maxSubjects = 50

// count counts the objects of a kind, and what their specs say.
func (o *observer) count(ctx context.Context, k *Kind, gvk schema.GroupVersionKind) {
	runs := gvk.Kind == v1.KindTaskRun || gvk.Kind == v1.KindPipelineRun || gvk.Kind == v1beta1.KindCustomRun
	unfinished := &Counted{Name: gvk.Kind}
	named := map[string]*Counted{}
	resource, _, _ := strings.Cut(k.CRD, ".")
	complete := o.each(ctx, gvk, "list "+resource+"."+gvk.Group+" in all namespaces", func(object *unstructured.Unstructured) {
		k.Objects++
		name := object.GetNamespace() + "/" + object.GetName()
		if runs && !ended(object) {
			unfinished.add(name)
		}
		if label := subject(gvk.Kind, object); label != "" {
			if named[label] == nil && len(named) >= maxSubjects {
				label = "others"
			}
			if named[label] == nil {
				named[label] = &Counted{Name: label}
			}
			named[label].add(name)
		}
	})
	if !complete {
		k.Objects = -1
		return
	}
	if runs {
		k.Unfinished = unfinished
	}
	into := map[string]*[]Counted{
		kindRequest: &o.facts.Resolvers, v1beta1.KindCustomRun: &o.facts.CustomTasks,
		v1alpha1.KindVerificationPolicy: &o.facts.Policies,
	}[gvk.Kind]
	for _, label := range slices.Sorted(maps.Keys(named)) {
		*into = append(*into, *named[label])
	}
}

func (c *Counted) add(name string) {
	c.Objects++
	if len(c.First) < maxNames {
		c.First = append(c.First, name)
	}
}

// subject returns what an object is counted under: the type of the resolver, the kind of the custom task, or the mode of the policy.
func subject(kind string, object *unstructured.Unstructured) string {
	text := func(fields ...string) string {
		value, _, _ := unstructured.NestedString(object.Object, fields...)
		return value
	}
	switch kind {
	case kindRequest:
		return object.GetLabels()[resolutionv1beta1.LabelType]
	case v1beta1.KindCustomRun:
		for _, field := range []string{"customRef", "customSpec"} {
			if name := text("spec", field, "kind"); name != "" {
				return text("spec", field, "apiVersion") + " " + name
			}
		}
	case v1alpha1.KindVerificationPolicy:
		return v1alpha1.KindVerificationPolicy + ", mode " + cmp.Or(text("spec", "mode"), "enforce")
	}
	return ""
}

// ended reports whether a run has ended: its condition Succeeded is true or false.
func ended(object *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, entry := range conditions {
		condition, _ := entry.(map[string]any)
		if condition["type"] == "Succeeded" {
			return condition["status"] == "True" || condition["status"] == "False"
		}
	}
	return false
}
