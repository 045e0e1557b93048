package admission_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/validation"
)

// lamp is an object with one default and two rules.
type lamp struct {
	Colour string `json:"colour,omitempty"`
	Watts  int    `json:"watts"`
	On     bool   `json:"on,omitempty"`
	// Flickers is how many warnings the lamp causes.
	Flickers int `json:"flickers,omitempty"`
}

func defaultLamp(l *lamp) {
	if l.Colour == "" {
		l.Colour = "white"
	}
}

func validateLamp(l *lamp) field.ErrorList {
	var errs field.ErrorList
	if l.Watts > 100 {
		errs = append(errs, field.Invalid(field.NewPath("watts"), l.Watts, "at most 100"))
	}
	if l.Colour == "black" {
		errs = append(errs, field.Invalid(field.NewPath("colour"), l.Colour, "gives no light"))
	}
	return errs
}

func lampRules() validation.Rules[lamp] {
	return validation.Rules[lamp]{
		Default: defaultLamp,
		Report: func(r *validation.Report, l *lamp) {
			r.Add(validateLamp(l)...)
			for range l.Flickers {
				r.Warn("flickers", "", "the lamp flickers "+strings.Repeat("ä", 200))
			}
			if l.Flickers == 1 {
				r.Warn("flickers", "1", "buy another lamp")
			}
		},
		Update: updateLamp,
	}
}

func updateLamp(l, old *lamp) field.ErrorList {
	if old.Colour != l.Colour {
		return field.ErrorList{field.Forbidden(field.NewPath("colour"), "cannot change")}
	}
	return nil
}

// server records the handlers instead of serving them.
type server struct {
	webhook.Server

	handlers map[string]http.Handler
}

func (s server) Register(path string, handler http.Handler) { s.handlers[path] = handler }

func answer(t *testing.T, path string, request admissionv1.AdmissionRequest) ctrladmission.Response {
	t.Helper()
	hooks := served(t, admission.Kinds{schema.GroupKind{Group: "home", Kind: "Lamp"}: admission.Of(lampRules(), validation.DefaultLimits)})
	request.Kind.Group = "home"
	return hooks[path].Handle(context.Background(), ctrladmission.Request{AdmissionRequest: request})
}

// served returns the webhooks for the kinds by their paths.
func served(tb testing.TB, kinds admission.Kinds) map[string]ctrladmission.Handler {
	tb.Helper()
	s := server{handlers: map[string]http.Handler{}}
	kinds.Register(s)
	hooks := map[string]ctrladmission.Handler{}
	for _, path := range []string{admission.DefaultingPath, admission.ValidatingPath} {
		hook, ok := s.handlers[path].(ctrladmission.Handler)
		if !ok {
			tb.Fatalf("no webhook is served at %s", path)
		}
		hooks[path] = hook
	}
	return hooks
}

func request(kind, object, old string) admissionv1.AdmissionRequest {
	r := admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind{Kind: kind}, Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: []byte(object)},
	}
	if old != "" {
		r.Operation, r.OldObject = admissionv1.Update, runtime.RawExtension{Raw: []byte(old)}
	}
	return r
}

func TestDefaults(t *testing.T) {
	got := answer(t, admission.DefaultingPath, request("Lamp", `{"watts":5}`, ""))
	patch, err := json.Marshal(got.Patches)
	if err != nil || !got.Allowed || string(patch) != `[{"op":"add","path":"/colour","value":"white"}]` {
		t.Errorf("only what was left out is filled in, got %+v, %s", got, patch)
	}
	if got := answer(t, admission.DefaultingPath, request("Lamp", `{"colour":"red","watts":5}`, "")); !got.Allowed || len(got.Patches) != 0 {
		t.Errorf("nothing to fill in is nothing to change, got %+v", got)
	}
}

// TestDefaultsOfWhatDoesNotDecode: YAML reads a result named n as false. The schema rejects it with the path of its field, so the
// defaulting webhook, which comes first, must let it pass.
func TestDefaultsOfWhatDoesNotDecode(t *testing.T) {
	if got := answer(t, admission.DefaultingPath, request("Lamp", `{"watts":"many"}`, "")); !got.Allowed || len(got.Patches) != 0 {
		t.Errorf("want it left as it is, for the schema to refuse, got %+v", got)
	}
}

func TestValidation(t *testing.T) {
	cases := map[string]struct {
		reason            string
		kind, object, old string
		code              int32
		message           string
	}{
		"Valid": {
			reason: "it breaks no rule",
			kind:   "Lamp",
			object: `{"watts":5}`,
			code:   http.StatusOK,
		},
		"EveryRule": {
			reason:  "all that is wrong is said at once",
			kind:    "Lamp",
			object:  `{"watts":500,"colour":"black"}`,
			code:    http.StatusUnprocessableEntity,
			message: `[watts: Invalid value: 500: at most 100, colour: Invalid value: "black": gives no light]`,
		},
		"Update": {
			reason:  "an update has rules of its own",
			kind:    "Lamp",
			object:  `{"watts":5,"colour":"red"}`,
			old:     `{"watts":5,"colour":"blue"}`,
			code:    http.StatusUnprocessableEntity,
			message: "colour: Forbidden: cannot change",
		},
		"UpdateValid": {
			reason: "a change that is allowed",
			kind:   "Lamp",
			object: `{"watts":6,"colour":"red"}`,
			old:    `{"watts":5,"colour":"red"}`,
			code:   http.StatusOK,
		},
		"OldRule": {
			reason: "what was stored under fewer rules can still be changed",
			kind:   "Lamp",
			object: `{"watts":500,"colour":"red","on":true}`,
			old:    `{"watts":500,"colour":"red"}`,
			code:   http.StatusOK,
		},
		"WorseThanOld": {
			reason:  "but not to break them in another way",
			kind:    "Lamp",
			object:  `{"watts":600,"colour":"red"}`,
			old:     `{"watts":500,"colour":"red"}`,
			code:    http.StatusUnprocessableEntity,
			message: "watts: Invalid value: 600",
		},
		"UnknownKind": {
			reason:  "two versions that differ are told apart",
			kind:    "Chair",
			object:  `{}`,
			code:    http.StatusBadRequest,
			message: `"Chair"`,
		},
		"NoObject": {
			reason:  "what cannot be decoded is refused, not waved through",
			kind:    "Lamp",
			object:  `{"watts":"many"}`,
			code:    http.StatusBadRequest,
			message: "cannot validate Lamp",
		},
		"NoOldObject": {
			reason:  "nor is a change from something that cannot be decoded",
			kind:    "Lamp",
			object:  `{"watts":5}`,
			old:     `[]`,
			code:    http.StatusBadRequest,
			message: "cannot validate Lamp",
		},
		"GeneratedName": {
			reason:  "an object without a name yet is named so",
			kind:    "Lamp",
			object:  `{"watts":500}`,
			code:    http.StatusUnprocessableEntity,
			message: `Lamp.home "with a generated name" is invalid`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := answer(t, admission.ValidatingPath, request(tc.kind, tc.object, tc.old))
			if got.Allowed != (tc.code == http.StatusOK) || got.Result == nil || got.Result.Code != tc.code ||
				!strings.Contains(got.Result.Message, tc.message) {
				t.Errorf("%s: want %d with %q, got %+v", tc.reason, tc.code, tc.message, got.Result)
			}
		})
	}
}

// TestWarnings: an object that is admitted has its warnings in the response, within the bounds of the API server. A refusal has none.
func TestWarnings(t *testing.T) {
	got := answer(t, admission.ValidatingPath, request("Lamp", `{"watts":5,"flickers":1}`, ""))
	if !got.Allowed || len(got.Warnings) != 2 || got.Warnings[1] != `flickers: "1": buy another lamp` {
		t.Errorf("want two warnings, got %t, %q", got.Allowed, got.Warnings)
	}
	if n := len(got.Warnings[0]); n > 256 || !utf8.ValidString(got.Warnings[0]) || !strings.HasSuffix(got.Warnings[0], "ä...") {
		t.Errorf("want a long warning cut at a character, got %d bytes: %q", n, got.Warnings[0])
	}
	got = answer(t, admission.ValidatingPath, request("Lamp", `{"watts":5,"flickers":1000}`, ""))
	all := 0
	for _, warning := range got.Warnings {
		all += len(warning)
	}
	if last := len(got.Warnings) - 1; all > 4096 || last < 10 || !strings.Contains(got.Warnings[last], "more warnings have no room here") {
		t.Errorf("want at most 4096 bytes and a count, got %d in %q", all, got.Warnings)
	}
	if got := answer(t, admission.ValidatingPath, request("Lamp", `{"watts":500,"flickers":1}`, "")); len(got.Warnings) != 0 || got.Allowed {
		t.Errorf("want only the error, got %q", got.Warnings)
	}
}

// TestLimitsInForce: a changed setting applies to the next request, in both directions.
func TestLimitsInForce(t *testing.T) {
	limits := validation.DefaultLimits()
	hook := served(t, admission.All(func() validation.Limits { return limits }, settings))[admission.ValidatingPath]
	object := `{"metadata":{"name":"p"},"spec":{"tasks":[{"name":"a","taskRef":{"name":"t"},` +
		`"matrix":{"params":[{"name":"m","value":["1","2","3"]}]}}]}}`
	ask := request(v1.KindPipeline, object, "")
	ask.Kind.Group = v1.GroupName
	for limit, allowed := range map[int64]bool{256: true, 3: true, 2: false} {
		limits.MatrixCombinations = limit
		got := hook.Handle(t.Context(), ctrladmission.Request{AdmissionRequest: ask})
		if got.Allowed != allowed || !allowed && !strings.Contains(got.Result.Message,
			`spec.tasks[0].matrix: Invalid value: "3 combinations": at most 2 (default-max-matrix-combinations-count)`) {
			t.Errorf("limit %d: allowed %t, %+v", limit, got.Allowed, got.Result)
		}
	}
}
