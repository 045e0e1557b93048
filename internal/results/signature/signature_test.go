package signature

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

func statement(change ...func(*Statement)) Statement {
	s := Statement{
		Run: Run{Namespace: "ci", Name: "build", UID: "1111"}, Nonce: "n0nce", Step: "step-one", Reason: frame.ReasonCompleted,
		At:      time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Results: []Result{{Name: "digest", Type: "string"}, {Name: "images", Type: "array", SHA256: Digest{1, 2, 3}}},
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

const text = `{"run":{"namespace":"ci","name":"build","uid":"1111"},"nonce":"n0nce","step":"step-one","exitCode":0,"reason":"Completed",` +
	`"at":"2026-01-02T03:04:05.000000006Z","results":[{"name":"digest","type":"string",` +
	`"sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},` +
	`{"name":"images","type":"array","sha256":"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`

func TestText(t *testing.T) {
	got, err := statement().Text()
	if err != nil || got != text {
		t.Errorf("the one form of a statement does not change: got %s, %v", got, err)
	}
	again, err := ParseStatement(text)
	if diff := cmp.Diff(statement(), again); diff != "" || err != nil {
		t.Errorf("error %v; -want +got:\n%s", err, diff)
	}
	unreadable := statement(func(s *Statement) { s.Results[0].Problem = frame.TooLarge })
	if got, err := unreadable.Text(); err != nil ||
		!strings.Contains(got, `"sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","problem":"TooLarge"}`) {
		t.Errorf("what cannot be carried has a problem: got %s, %v", got, err)
	}
	other := statement(func(s *Statement) { s.At = s.At.In(time.FixedZone("east", 3600)); s.Results = s.Results[:0] })
	if got, err := other.Text(); err != nil || !strings.Contains(got, `03:04:05.000000006Z","results":[]`) {
		t.Errorf("times are in UTC, and no results are an empty list: got %s, %v", got, err)
	}
}

func TestTextRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*Statement)
	}{
		"NoRun":      {reason: "A statement is about a run.", change: func(s *Statement) { s.Run.UID = "" }},
		"NoNonce":    {reason: "And about one pod.", change: func(s *Statement) { s.Nonce = "" }},
		"NoStep":     {reason: "And by a step.", change: func(s *Statement) { s.Step = "" }},
		"NoReason":   {reason: "It says how the step ended.", change: func(s *Statement) { s.Reason = "" }},
		"Contradict": {reason: "And does not contradict itself.", change: func(s *Statement) { s.ExitCode = 1 }},
		"Name":       {reason: "Results have names of results.", change: func(s *Statement) { s.Results[0].Name = "../x" }},
		"Type":       {reason: "And types.", change: func(s *Statement) { s.Results[0].Type = "text" }},
		"Twice":      {reason: "Each comes once.", change: func(s *Statement) { s.Results[1].Name = "digest" }},
		"Both":       {reason: "A result has a digest or a problem.", change: func(s *Statement) { s.Results[1].Problem = frame.TooLarge }},
		"Kind":       {reason: "A problem is of a kind.", change: func(s *Statement) { s.Results[0].Problem = "too large" }},
		"TooLong":    {reason: "There is a limit.", change: func(s *Statement) { s.Run.Name = strings.Repeat("x", MaxStatement) }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, err := statement(tc.change).Text(); err == nil {
				t.Errorf("%s\ngot %.100s", tc.reason, got)
			}
		})
	}
}

func TestParseStatementRefuses(t *testing.T) {
	cases := map[string]struct{ reason, text string }{
		"Empty": {reason: "Nothing is no statement."},
		"Space": {
			reason: "Spaces change what was signed.",
			text:   strings.Replace(text, ":", ": ", 1),
		},
		"Order": {
			reason: "So does another order.",
			text:   `{"nonce":"n0nce",` + strings.Replace(text[1:], `"nonce":"n0nce",`, "", 1),
		},
		"Unknown": {
			reason: "A field that nobody knows could mean something.",
			text:   `{"x":1,` + text[1:],
		},
		"Twice": {
			reason: "Of two fields with one name, readers take different ones.",
			text:   strings.Replace(text, `"nonce":"n0nce"`, `"nonce":"other","nonce":"n0nce"`, 1),
		},
		"Case": {
			reason: "Names of fields have one spelling.",
			text:   strings.Replace(text, `"nonce"`, `"Nonce"`, 1),
		},
		"Trailing": {
			reason: "Nothing follows it.",
			text:   text + "\n",
		},
		"Digest": {
			reason: "A digest has one spelling.",
			text:   strings.Replace(text, "AQIDAA", "AQID/+", 1)[:len(text)-7] + `AAB"}]}`,
		},
		"ShortHash": {
			reason: "And one length.",
			text:   strings.Replace(text, "AQIDAA", "AQID", 1),
		},
		"Time": {
			reason: "So has a time.",
			text:   strings.Replace(text, "000000006Z", "000000006+00:00", 1),
		},
		"NullResult": {
			reason: "No results are an empty list.",
			text:   before(text, `[{"name"`) + "null}",
		},
		"TooLong": {
			reason: "There is a limit.",
			text:   strings.Repeat(" ", MaxStatement+1),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseStatement(tc.text); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s\ngot error %v", tc.reason, err)
			}
		})
	}
}

// before returns what stands before the first mark in s.
func before(s, mark string) string {
	head, _, _ := strings.Cut(s, mark)
	return head
}

func signed() Signed {
	return Signed{Statement: text, Chain: [][]byte{{1}, {2}}, Proof: []byte{3}}
}

func TestParse(t *testing.T) {
	for _, want := range []Signed{signed(), {Problem: "no identity issued"}} {
		document, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(document)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v; -want +got:\n%s", err, diff)
		}
	}
	cases := map[string]struct{ reason, document string }{
		"Empty": {reason: "Nothing is no document."},
		"NoObject": {
			reason:   "Nor is a list.",
			document: "[]",
		},
		"Nothing": {
			reason:   "A document says something.",
			document: "{}",
		},
		"Both": {
			reason:   "There is a signature, or there is none.",
			document: `{"statement":"x","chain":["AQ=="],"proof":"AQ==","problem":"x"}`,
		},
		"NoChain": {
			reason:   "A signature is somebody's.",
			document: `{"statement":"x","proof":"AQ=="}`,
		},
		"NoProof": {
			reason:   "And is there.",
			document: `{"statement":"x","chain":["AQ=="]}`,
		},
		"Unknown": {
			reason:   "A field that nobody knows.",
			document: `{"problem":"x","y":1}`,
		},
		"EmptyMember": {
			reason:   "A certificate has at least one byte.",
			document: `{"statement":"x","chain":[""],"proof":"AQ=="}`,
		},
		"LongChain": {
			reason:   "A chain has an end.",
			document: `{"statement":"x","chain":[` + strings.Repeat(`"AQ==",`, 8) + `"AQ=="],"proof":"AQ=="}`,
		},
		"NotUTF8": {
			reason:   "It is text.",
			document: "{\"problem\":\"\xff\"}",
		},
		"LongProblem": {
			reason:   "A problem is told in short.",
			document: `{"problem":"` + strings.Repeat("x", frame.MaxText+1) + `"}`,
		},
		"TooLong": {
			reason:   "There is a limit.",
			document: `{"problem":"` + strings.Repeat("x", MaxDocument) + `"}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse([]byte(tc.document)); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s\ngot error %v", tc.reason, err)
			}
		})
	}
}

// TestPack: a certificate that two steps have is carried once.
func TestPack(t *testing.T) {
	var p Packer
	var certificates []frame.Certificate
	other := Signed{Statement: text, Chain: [][]byte{{2}, {4}}, Proof: []byte{5}}
	for i, want := range []Signed{signed(), signed(), other, {Problem: "x"}} {
		more, document, err := p.Pack(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, der := range more {
			certificates = append(certificates, frame.Certificate{DER: der})
		}
		got, err := Unpack(frame.Signature{Document: document}, certificates)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("signature %d: error %v; -want +got:\n%s", i, err, diff)
		}
	}
	if len(certificates) != 3 {
		t.Errorf("three certificates, got %d", len(certificates))
	}
	for _, chain := range []string{"[0,9]", "[-1]", "[]"} {
		if _, err := Unpack(frame.Signature{Document: []byte(`{"statement":"x","chain":` + chain + `,"proof":"AQ=="}`)},
			certificates); !errors.Is(err, ErrMalformed) {
			t.Errorf("a chain of certificates that are not there: %s: %v", chain, err)
		}
	}
}

// FuzzParse: whatever a step leaves, it is understood in one way or refused, and never makes a reader panic.
func FuzzParse(f *testing.F) {
	document, err := signed().Encode()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{
		document,
		[]byte(text),
		[]byte(`{"problem":"x"}`),
		[]byte(`{"statement":"x","chain":[0],"proof":"AQ=="}`),
		nil,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Parse(b); err == nil {
			again, err := s.Encode()
			if err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			if got, err := Parse(again); err != nil || !cmp.Equal(s, got) {
				t.Fatalf("read again it is %+v, %v", got, err)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		if s, err := ParseStatement(string(b)); err == nil {
			if again, err := s.Text(); err != nil || again != string(b) {
				t.Fatalf("two texts say the same: %q and %q, %v", b, again, err)
			}
		}
		if s, err := Unpack(frame.Signature{Document: b}, []frame.Certificate{{DER: []byte{1}}, {DER: []byte{2}}}); err == nil &&
			s.Problem == "" && bytes.Equal(s.Proof, nil) {
			t.Fatal("neither a proof nor a problem")
		}
	})
}
