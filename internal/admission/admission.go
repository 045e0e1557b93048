// Package admission fills in defaults and refuses invalid objects before the API server stores them. What is a default
// and what is invalid stands in api/v1, in pure functions; here they meet the API server's questions.
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

// Where the webhooks are served; config/webhook names the same paths.
const (
	DefaultingPath = "/default"
	ValidatingPath = "/validate"
)

// Object is a pointer to an object of the API that knows its own defaults and rules.
type Object[T any] interface {
	*T
	// Default fills in what the user left out.
	Default()
	// Report reports every rule that the object breaks.
	Report(r *v1.Report)
}

// Updatable is an Object of which not everything may change.
type Updatable[T any] interface {
	// ValidateUpdate returns every rule about changes that the one from old breaks.
	ValidateUpdate(old *T) field.ErrorList
}

// Limited is an Object with rules that depend on the settings of the installation.
type Limited interface {
	// ReportLimits reports every such rule that the object breaks.
	ReportLimits(r *v1.Report, l v1.Limits)
}

// Kind is what the webhooks can do with the objects of one kind, as they come encoded in JSON. Work ends, with the error of
// the context, when that is done.
type Kind struct {
	// defaulted returns an object before and after its defaults.
	defaulted func(ctx context.Context, raw []byte) (before, after []byte, err error)
	// validated returns the rules that an object breaks; old is nil unless it is an update.
	validated func(ctx context.Context, raw, old []byte) (field.ErrorList, error)
}

// Of returns the Kind of the objects of type T. limits returns those in force.
func Of[T any, P Object[T]](limits func() v1.Limits) Kind {
	k := kindOf[T, P]{limits: limits, weight: weightOf(reflect.TypeFor[T](), map[reflect.Type]*weight{})}
	return Kind{defaulted: k.defaulted, validated: k.validated}
}

type kindOf[T any, P Object[T]] struct {
	limits func() v1.Limits
	weight *weight
}

// weighed decodes an object that is not stored yet, unless it would take too much memory; old is the one that it replaces.
func (k kindOf[T, P]) weighed(ctx context.Context, raw, old []byte) (P, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := k.weight.check(raw, old); err != nil {
		return nil, err
	}
	return k.decode(ctx, raw)
}

// decode decodes an object of any weight: one that is stored, or that was weighed.
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
	object.Default() // the rules are about whole objects, also where the defaulting webhook was away
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
		// Errors that were there before are left out: an object from a time with fewer rules can still be changed, as when
		// its run is cancelled.
		report = v1.NewReport(ctx, v1.Known(ctx, k.rules(before)))
		check(report)
	}
	if updatable, ok := any(object).(Updatable[T]); ok {
		report.Add(updatable.ValidateUpdate(before)...)
	}
	return report.Errors(), ctx.Err()
}

// Kinds are the kinds that are admitted.
type Kinds map[schema.GroupKind]Kind

// Register serves both webhooks for the kinds. Together they work on a bounded number of requests at once.
func (k Kinds) Register(server webhook.Server) { k.register(server, newGate()) }

func (k Kinds) register(server webhook.Server, gate *gate) {
	server.Register(DefaultingPath, &gated{&admission.Webhook{Handler: admission.HandlerFunc(k.fillIn)}, gate})
	server.Register(ValidatingPath, &gated{&admission.Webhook{Handler: admission.HandlerFunc(k.judge)}, gate})
}

// errKind says that the API server asks about something that the webhooks are not for.
var errKind = errors.New("it is not admitted here; config/webhook and the controller differ in version")

func (k Kinds) kind(request admission.Request) (Kind, error) {
	kind, ok := k[schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}]
	if !ok {
		return Kind{}, fmt.Errorf("cannot admit kind %q: %w", request.Kind.Kind, errKind)
	}
	return kind, nil
}

// fillIn answers with the changes that the defaults make. They are computed between two encodings of the same type, so
// that nothing else changes.
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
		// It cannot be decoded, which the schema, asked next, says of the very field. Nothing gets past both: the
		// validating webhook refuses what it cannot decode.
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

// judge refuses an object that breaks a rule, and names the rules that it breaks.
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

// stopped is the answer to an API server that does not wait any more.
func stopped(ctx context.Context, request admission.Request) admission.Response {
	return admission.Errored(http.StatusGatewayTimeout, fmt.Errorf("cannot check %s in the time that the API server gives: %w", request.Kind.Kind, context.Cause(ctx)))
}

func refused(request admission.Request, errs field.ErrorList) admission.Response {
	name := request.Name
	if name == "" {
		name = "with a generated name"
	}
	status := apierrors.NewInvalid(schema.GroupKind{Group: request.Kind.Group, Kind: request.Kind.Kind}, name, errs).Status()
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &status}}
}
