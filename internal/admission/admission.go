// Package admission sets defaults and rejects invalid objects before the API server stores them. The defaults and rules are
// pure functions in api/v1; this package serves them as webhooks.
package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Paths of the webhooks, as in config/webhook.
const (
	DefaultingPath = "/default"
	ValidatingPath = "/validate"
)

// Object is a pointer to an object of the API with defaults and rules.
type Object[T any] interface {
	*T
	// Default sets the fields that the user left out.
	Default()
	// Report reports every rule that the object breaks.
	Report(r *v1.Report)
}

// Updatable is an Object with fields that must not change.
type Updatable[T any] interface {
	// ValidateUpdate returns every rule that the change from old breaks.
	ValidateUpdate(old *T) field.ErrorList
}

// Limited is an Object with rules that depend on the settings of the installation.
type Limited interface {
	// ReportLimits reports every rule of the limits that the object breaks.
	ReportLimits(r *v1.Report, l v1.Limits)
}

// Kind has the functions of the webhooks for objects of one kind, encoded as JSON. They return the error of the context when
// the context ends.
type Kind struct {
	// defaulted returns an object before and after its defaults.
	defaulted func(ctx context.Context, raw []byte) (before, after []byte, err error)
	// validated returns the rules that an object breaks. old is nil unless the request is an update.
	validated func(ctx context.Context, raw, old []byte) (field.ErrorList, error)
}

// Of returns the Kind of the objects of type T. limits returns the current limits.
func Of[T any, P Object[T]](limits func() v1.Limits) Kind {
	k := kindOf[T, P]{limits: limits, weight: weightOf(reflect.TypeFor[T](), map[reflect.Type]*weight{})}
	return Kind{defaulted: k.defaulted, validated: k.validated}
}

type kindOf[T any, P Object[T]] struct {
	limits func() v1.Limits
	weight *weight
}

// weighed decodes an object that is not stored yet. It fails if the object would take too much memory. old is the object that it replaces.
func (k kindOf[T, P]) weighed(ctx context.Context, raw, old []byte) (P, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := k.weight.check(raw, old); err != nil {
		return nil, err
	}
	return k.decode(ctx, raw)
}

// decode decodes an object of any weight: a stored one, or one that was weighed.
func (k kindOf[T, P]) decode(ctx context.Context, raw []byte) (P, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	object := P(new(T))
	return object, json.Unmarshal(raw, object)
}

func (k kindOf[T, P]) defaulted(ctx context.Context, raw []byte) (before, after []byte, err error) {
	object, err := k.weighed(ctx, raw, nil)
	if err != nil {
		return nil, nil, err
	}
	if before, err = json.Marshal(object); err != nil {
		return nil, nil, err
	}
	object.Default()
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	after, err = json.Marshal(object)
	return before, after, err
}

func (k kindOf[T, P]) rules(object P) func(r *v1.Report) {
	return func(r *v1.Report) {
		object.Report(r)
		if limited, ok := any(object).(Limited); ok {
			limited.ReportLimits(r, k.limits())
		}
	}
}

func (k kindOf[T, P]) validated(ctx context.Context, raw, old []byte) (field.ErrorList, error) {
	object, err := k.weighed(ctx, raw, old)
	if err != nil {
		return nil, err
	}
	object.Default() // the rules need the defaults, even if the defaulting webhook was unavailable
	report := v1.NewReport(ctx, nil)
	check := k.rules(object)
	check(report)
	if old == nil {
		return report.Errors(), ctx.Err()
	}
	before, err := k.decode(ctx, old)
	if err != nil {
		return nil, err
	}
	before.Default()
	if len(report.Errors()) > 0 {
		// Leave out errors of the stored object, so that an object from a version with fewer rules can still be changed, for
		// example to cancel its run.
		report = v1.NewReport(ctx, v1.Known(ctx, k.rules(before)))
		check(report)
	}
	if updatable, ok := any(object).(Updatable[T]); ok {
		report.Add(updatable.ValidateUpdate(before)...)
	}
	return report.Errors(), ctx.Err()
}

// Kinds are the kinds with webhooks.
type Kinds map[schema.GroupKind]Kind

// Register serves both webhooks for the kinds. Together they handle a limited number of requests at the same time.
func (k Kinds) Register(server webhook.Server) { k.register(server, newGate()) }

func (k Kinds) register(server webhook.Server, gate *gate) {
	server.Register(DefaultingPath, &gated{&admission.Webhook{Handler: admission.HandlerFunc(k.fillIn)}, gate})
	server.Register(ValidatingPath, &gated{&admission.Webhook{Handler: admission.HandlerFunc(k.judge)}, gate})
}

// errKind is the error for a kind without webhooks.
var errKind = errors.New("it has no webhook here; config/webhook and the controller have different versions")

func (k Kinds) kind(request admission.Request) (Kind, error) {
	kind, ok := k[schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}]
	if !ok {
		return Kind{}, fmt.Errorf("cannot admit kind %q: %w", request.Kind.Kind, errKind)
	}
	return kind, nil
}

// fillIn responds with the changes of the defaults. They are the difference between two encodings of the same type, so that
// nothing else changes.
func (k Kinds) fillIn(ctx context.Context, request admission.Request) admission.Response {
	kind, err := k.kind(request)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	before, after, err := kind.defaulted(ctx, request.Object.Raw)
	switch {
	case ctx.Err() != nil:
		return stopped(ctx, request)
	case err != nil:
		// The object does not decode. Allow it here, because the schema, which is checked next, names the exact field. The
		// validating webhook rejects what it cannot decode.
		return admission.Allowed("")
	case bytes.Equal(before, after):
		return admission.Allowed("")
	}
	operations, err := additions(before, after)
	if err != nil {
		return admission.PatchResponseFromRaw(before, after)
	}
	return admission.Patched("", operations...)
}

// judge rejects an object that breaks a rule, and reports the rules.
func (k Kinds) judge(ctx context.Context, request admission.Request) admission.Response {
	kind, err := k.kind(request)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	var old []byte
	if request.Operation == admissionv1.Update {
		old = request.OldObject.Raw
	}
	errs, err := kind.validated(ctx, request.Object.Raw, old)
	switch {
	case ctx.Err() != nil:
		return stopped(ctx, request)
	case err != nil:
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("cannot validate %s: %w", request.Kind.Kind, err))
	case len(errs) == 0:
		return admission.Allowed("")
	default:
		return refused(request, errs)
	}
}

// stopped is the response when the context has ended.
func stopped(ctx context.Context, request admission.Request) admission.Response {
	return admission.Errored(http.StatusGatewayTimeout, fmt.Errorf("cannot check %s within the timeout of the API server: %w", request.Kind.Kind, context.Cause(ctx)))
}

func refused(request admission.Request, errs field.ErrorList) admission.Response {
	name := request.Name
	if name == "" {
		name = "with a generated name"
	}
	status := apierrors.NewInvalid(schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}, name, errs).Status()
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &status}}
}
