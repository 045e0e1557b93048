package doctor

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiversion "k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	kubefake "k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/scheme"
)

// hospital is a cluster in which a test creates a problem.
type hospital struct {
	version  apiversion.Info
	kinds    []string
	objects  []client.Object
	mayNot   map[string]bool // by user and resource
	webhook  error
	configz  string
	cannot   error // the error of reading configz
	storage  string
	noScrape error // the error of reading the metrics of the API server
	noReview error
	// later are fields of specs that a later version of Tekton has.
	later []string
	// mark is the webhook of an installation beside Tekton.
	mark func(*v1.TaskRun) error
}

// healthy returns a cluster without problems.
func healthy() *hospital {
	return &hospital{
		version: apiversion.Info{Minor: "37", GitVersion: "v1.37.2"},
		kinds:   []string{"Task", "TaskRun", "Pipeline", "PipelineRun", "StepAction"},
		objects: []client.Object{
			&appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "tekton-pipelines",
					Name:      "sluice-controller",
					Labels:    map[string]string{"app.kubernetes.io/part-of": "sluice"},
				},
				Spec: appsv1.DeploymentSpec{
					Replicas: new(int32(1)),
					Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: "r/c:7"}}}},
				},
				Status: appsv1.DeploymentStatus{AvailableReplicas: 1, UpdatedReplicas: 1},
			},
			flags(map[string]string{"results-from": "sidecar-logs", "max-result-size": "1000000"}),
			&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}},
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}},
		},
		mayNot:  map[string]bool{},
		webhook: apierrors.NewInvalid(schema.GroupKind{Kind: "Task"}, "x", nil),
		configz: `{"kubeletconfig":{"containerLogMaxSize":"10Mi"}}`,
		storage: "# TYPE apiserver_storage_size_bytes gauge\napiserver_storage_size_bytes{storage_cluster_id=\"etcd-0\"} 1.048576e+08\n",
	}
}

func flags(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines", Name: "feature-flags"}, Data: data}
}

func settingsOf(namespace, name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

// replace replaces the object of the same type.
func (h *hospital) replace(o client.Object) {
	for i := range h.objects {
		if reflect.TypeOf(h.objects[i]) == reflect.TypeOf(o) {
			h.objects[i] = o
			return
		}
	}
	h.objects = append(h.objects, o)
}

func (h *hospital) remove(o client.Object) {
	for i := range h.objects {
		if reflect.TypeOf(h.objects[i]) == reflect.TypeOf(o) {
			h.objects = append(h.objects[:i:i], h.objects[i+1:]...)
			return
		}
	}
}

func (h *hospital) deployment() *appsv1.Deployment { return h.objects[0].(*appsv1.Deployment) }

func (h *hospital) cluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	kube := kubefake.NewClientset()
	discovery := kube.Discovery().(*fakediscovery.FakeDiscovery)
	discovery.FakedServerVersion = &h.version
	resources := map[string]*metav1.APIResourceList{}
	for _, kind := range h.kinds {
		gv := "tekton.dev/v1"
		if kind == "StepAction" {
			gv = "tekton.dev/v1beta1"
		}
		if resources[gv] == nil {
			resources[gv] = &metav1.APIResourceList{GroupVersion: gv}
		}
		resources[gv].APIResources = append(resources[gv].APIResources, metav1.APIResource{Kind: kind})
	}
	for list := range maps.Values(resources) {
		discovery.Resources = append(discovery.Resources, list)
	}
	kube.PrependReactor("create", "subjectaccessreviews", func(a ktesting.Action) (bool, runtime.Object, error) {
		review := a.(ktesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview)
		review.Status.Allowed = !h.mayNot[review.Spec.User+" "+review.Spec.ResourceAttributes.Namespace]
		return true, review, h.noReview
	})
	kube.PrependReactor("create", "selfsubjectaccessreviews", func(a ktesting.Action) (bool, runtime.Object, error) {
		review := a.(ktesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview)
		review.Status.Allowed = !h.mayNot[review.Spec.ResourceAttributes.Resource]
		return true, review, nil
	})
	inner := fake.NewClientBuilder().WithScheme(known).WithObjects(h.objects...).Build()
	return &cluster.Cluster{Namespace: "team", Kube: kube, Client: interceptor.NewClient(inner, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			_, taskRuns := list.(*v1.TaskRunList)
			_, pipelineRuns := list.(*v1.PipelineRunList)
			if (taskRuns || pipelineRuns) && len(h.kinds) == 0 {
				return unserved()
			}
			return c.List(ctx, list, options...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if len(h.kinds) == 0 {
				return unserved()
			}
			if _, ok := o.(*v1.Task); ok {
				return h.webhook
			}
			if tr, ok := o.(*v1.TaskRun); ok && h.mark != nil {
				return h.mark(tr)
			}
			return c.Create(ctx, o, options...)
		},
	})}
}

// unserved is the error of a client if the cluster does not have a kind.
func unserved() error {
	return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "tekton.dev", Kind: "TaskRun"}, SearchedVersions: []string{"v1"}}
}

// leave makes a namespace one that is being deleted.
func (h *hospital) leave(name string) {
	for _, o := range h.objects {
		if o.GetName() == name {
			o.SetFinalizers([]string{"example.com/keep"})
			o.SetDeletionTimestamp(&metav1.Time{Time: movedAt})
		}
	}
}

func (h *hospital) read(context.Context, *cluster.Cluster, string) ([]byte, error) {
	return []byte(h.configz), h.cannot
}

// terminating is the error of the API server in a namespace that is being deleted.
func terminating(resource, namespace string) error {
	err := apierrors.NewForbidden(schema.GroupResource{Group: "tekton.dev", Resource: resource}, "x", errors.New("is being terminated"))
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Type: corev1.NamespaceTerminatingCause, Field: "metadata.namespace", Message: "namespace " + namespace + " is being terminated",
	}}
	return err
}

const account = "system:serviceaccount:tekton-pipelines:sluice-controller "

// metrics are those of the API server.
func (h *hospital) metrics(context.Context, *cluster.Cluster) ([]byte, error) {
	return []byte(h.storage), h.noScrape
}
