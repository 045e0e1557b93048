package plan

import (
	"cmp"
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// page is how many objects one request reads.
const page = 100

// observer reads a cluster.
type observer struct {
	client client.Reader
	facts  Facts
	// tekton is the namespace of Tekton.
	tekton string
}

// Observe reads a cluster through c. What cannot be read is in Facts.Unread. Kubernetes is the version of the cluster.
func Observe(ctx context.Context, c client.Reader, kubernetes string) Facts {
	o := &observer{client: c, facts: Facts{
		Kubernetes: kubernetes, Components: []Component{}, Kinds: []Kind{}, Webhooks: []Webhook{}, Settings: []Setting{},
		Resolvers: []Counted{}, CustomTasks: []Counted{}, Policies: []Counted{}, Unread: []Gap{},
	}, tekton: conflict.Namespace}
	o.components(ctx)
	o.kinds(ctx)
	o.webhooks(ctx)
	o.settings(ctx)
	o.policies(ctx)
	slices.SortStableFunc(o.facts.Unread, func(a, b Gap) int { return cmp.Compare(a.What, b.What) })
	o.facts.Unread = slices.Compact(o.facts.Unread)
	return o.facts
}

// gap records what could not be read.
func (o *observer) gap(what, right string, err error) {
	gap := Gap{What: what, Cause: terminal.Line(err.Error())}
	if apierrors.IsForbidden(err) {
		gap.Right, gap.Cause = right, "you do not have the right"
	}
	o.facts.Unread = append(o.facts.Unread, gap)
}

// each calls use for all objects of a kind, page by page. It returns false if they cannot be read.
func (o *observer) each(ctx context.Context, gvk schema.GroupVersionKind, right string, use func(*unstructured.Unstructured)) bool {
	token := ""
	for {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
		if err := o.client.List(ctx, list, client.Limit(page), client.Continue(token)); err != nil {
			o.gap("the objects of kind "+gvk.Kind+" ("+gvk.GroupVersion().String()+")", right, err)
			return false
		}
		for i := range list.Items {
			use(&list.Items[i])
		}
		if token = list.GetContinue(); token == "" {
			return true
		}
	}
}

// Values of the label app.kubernetes.io/part-of.
const (
	partPipelines = "tekton-pipelines"
	partOperator  = "tekton-operator"
)

// program is a component of Tekton, or a client of it.
type program struct {
	name, part string
	// info is the name of the ConfigMap with its version.
	info string
	// prefix begins the names of its Deployments in installations without labels.
	prefix string
	effect string
}

func programs() []program {
	const continues = "continues: it creates and reads runs through the API server"
	return []program{
		{"Tekton Pipelines", partPipelines, "pipelines-info", "tekton-pipelines-", "is replaced by Sluice"},
		{"Tekton Triggers", "tekton-triggers", "triggers-info", "tekton-triggers-", continues + "; convert its templates: sluice convert"},
		{"Tekton Dashboard", "tekton-dashboard", "dashboard-info", "tekton-dashboard", continues},
		{"Tekton Chains", "tekton-chains", "chains-info", "tekton-chains-", "continues: it reads runs that have ended, and signs them"},
		{"Tekton Results", "tekton-results", "results-info", "tekton-results-", "continues: it stores runs that have ended"},
		{"Pipelines as Code", "pipelines-as-code", "pipelines-as-code-info", "pipelines-as-code-", continues},
		{"Tekton Operator", partOperator, "operators-info", "tekton-operator", "must stop first: it would start Tekton again"},
	}
}

// components finds the programs by their Deployments.
func (o *observer) components(ctx context.Context) {
	found := map[string]*Component{}
	deployments := &appsv1.DeploymentList{}
	err := o.client.List(ctx, deployments)
	if apierrors.IsForbidden(err) {
		o.gap("the programs in namespaces other than "+o.tekton, "list deployments in all namespaces", err)
		deployments = &appsv1.DeploymentList{}
		err = o.client.List(ctx, deployments, client.InNamespace(o.tekton))
	}
	if err != nil {
		o.gap("the programs in namespace "+o.tekton, "list deployments in namespace "+o.tekton, err)
		return
	}
	slices.SortFunc(deployments.Items, func(a, b appsv1.Deployment) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for i := range deployments.Items {
		d := &deployments.Items[i]
		of := programOf(d)
		if of == nil {
			continue
		}
		if d.Name == conflict.Main {
			o.tekton = d.Namespace
		}
		key := of.part + " " + d.Namespace
		if found[key] == nil {
			found[key] = &Component{Name: of.name, Namespace: d.Namespace, Effect: of.effect, part: of.part}
			o.version(ctx, found[key], of, d)
		}
		name := d.Name
		if d.Spec.Replicas != nil && *d.Spec.Replicas == 0 {
			name += " (0 replicas)"
		}
		found[key].Deployments = append(found[key].Deployments, name)
	}
	for _, of := range programs() {
		for _, d := range deployments.Items {
			if c := found[of.part+" "+d.Namespace]; c != nil {
				o.facts.Components = append(o.facts.Components, *c)
				delete(found, of.part+" "+d.Namespace)
			}
		}
	}
}

// programOf returns the program of a Deployment, by its label or by its name.
func programOf(d *appsv1.Deployment) *program {
	for _, of := range programs() {
		if part := d.Labels["app.kubernetes.io/part-of"]; part == of.part || part == "" && strings.HasPrefix(d.Name, of.prefix) {
			return &of
		}
	}
	return nil
}

// version finds the version of a program: in its ConfigMap, in the labels of its pods, or in the tag of its image.
func (o *observer) version(ctx context.Context, c *Component, of *program, d *appsv1.Deployment) {
	var info corev1.ConfigMap
	err := o.client.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: of.info}, &info)
	if client.IgnoreNotFound(err) != nil {
		o.gap("ConfigMap "+of.info+" in namespace "+d.Namespace, "get configmaps in namespace "+d.Namespace, err)
	}
	if version := info.Data["version"]; version != "" {
		c.Version, c.From = version, "ConfigMap "+of.info
		return
	}
	for _, label := range []string{"app.kubernetes.io/version", "version"} {
		if version := cmp.Or(d.Spec.Template.Labels[label], d.Labels[label]); version != "" {
			c.Version, c.From = version, "label "+label+" of deployment "+d.Name
			return
		}
	}
	for _, container := range d.Spec.Template.Spec.Containers {
		image, _, _ := strings.Cut(container.Image, "@")
		if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
			c.Version, c.From = image[colon+1:], "image of deployment "+d.Name
			return
		}
	}
}
