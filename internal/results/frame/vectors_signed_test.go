package frame_test

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// signedVectors show what a reader makes of signatures that wants them.
func signedVectors() map[string]vector {
	wanting := func(expect, comment string, f *forge) vector {
		v := vec(expect, comment, f)
		v.limits.Signatures = true
		return v
	}
	open := func() *forge { return newForge().add("step", step) }
	malformed := func(comment string, f *forge) vector { return wanting("malformed", comment, f.end(1, 0, 0, 0)) }
	return map[string]vector{
		"whole-signatures": wanting("whole",
			"A reader that wants signatures reads certificates and signature of a signed stream.",
			signed().end(1, 1, 0, 15)),
		"whole-signatures-parts": wanting("whole", "A signature can take several records.",
			open().add("?signature", part("step-a", 1, 3, "one, ")).
				add("?signature", part("step-a", 2, 3, "two, ")).add("?signature", part("step-a", 3, 3, "three")).
				end(1, 0, 0, 0)),
		"whole-signatures-other": wanting("whole", "Other optional records are passed over all the same.", open().add("?note", "x").
			end(1, 0, 0, 0)),
		"malformed-certificate-base64": malformed("A certificate is in base64.", open().add("?certificate", "****")),
		"malformed-certificate-empty":  malformed("A certificate has at least one byte.", open().add("?certificate", "")),
		"malformed-certificate-long": malformed("And at most 6000.",
			open().add("?certificate", base64.RawStdEncoding.EncodeToString(noise(6001)))),
		"malformed-signature-json":  malformed("A part of a signature is an object.", open().add("?signature", "x")),
		"malformed-signature-field": malformed("It has all of its fields.", open().add("?signature", `{"step":"step-a","part":1,"data":"YQ"}`)),
		"malformed-signature-step":  malformed("Its step is one by name.", open().add("?signature", part("../x", 1, 1, "a"))),
		"malformed-signature-data": malformed("Its data is base64.",
			open().add("?signature", `{"step":"step-a","part":1,"parts":1,"data":"YQ=="}`)),
		"malformed-signature-newline": malformed("And nothing else.",
			open().add("?signature", `{"step":"step-a","part":1,"parts":1,"data":"Y\nQ"}`)),
		"malformed-signature-empty": malformed("A part has at least one byte.", open().add("?signature", part("step-a", 1, 1, ""))),
		"malformed-signature-first": malformed("The first part comes first.", open().add("?signature", part("step-a", 2, 2, "a"))),
		"malformed-signature-none": malformed("There is at least one part.", open().add("?signature", part("step-a", 1, 0, "a")).
			add("?signature", part("step-a", 2, 0, "a"))),
		"malformed-signature-again": malformed("No part comes twice.", open().add("?signature", part("step-a", 1, 2, "a")).
			add("?signature", part("step-a", 1, 2, "a"))),
		"malformed-signature-mixed": malformed("All parts are of one step.", open().add("?signature", part("step-a", 1, 2, "a")).
			add("?signature", part("step-b", 2, 2, "a"))),
		"malformed-signature-between": malformed("Nothing stands between two parts.", open().add("?signature", part("step-a", 1, 2, "a")).
			add("?note", "x").add("?signature", part("step-a", 2, 2, "a"))),
		"malformed-signature-cut": malformed("The last part is not missing.", open().add("?signature", part("step-a", 1, 2, "a"))),
	}
}

// TestSignaturesRoundTrip: what the writer writes of signatures is what the reader reads, of every length.
func TestSignaturesRoundTrip(t *testing.T) {
	for _, n := range []int{1, 5399, 5400, 5401, 10800, frame.MaxSignature} {
		want := []frame.Record{
			frame.Intro{Version: 1},
			frame.Certificate{DER: noise(min(n, frame.MaxCertificate))},
			frame.Signature{Step: "step-a", Document: noise(n)},
		}
		stream := written(t, "n", func(w *frame.Writer) error {
			if err := w.Certificate(noise(min(n, frame.MaxCertificate))); err != nil {
				return err
			}
			if err := w.Signature(frame.Signature{Step: "step-a", Document: noise(n)}); err != nil {
				return err
			}
			return w.End(false)
		})
		got, err := collect(stream, "n", frame.Limits{Signatures: true})
		if err != nil || len(got) != 4 {
			t.Fatalf("%d bytes: %d records, error %v", n, len(got), err)
		}
		if diff := cmp.Diff(want, got[:3]); diff != "" {
			t.Errorf("%d bytes: -want +got:\n%s", n, diff)
		}
	}
}

// TestSignaturesAreBounded: whatever a stream has of signatures, what is kept of it is bounded.
func TestSignaturesAreBounded(t *testing.T) {
	f := newForge().add("step", step)
	for range 400 {
		f.add("?certificate", base64.RawStdEncoding.EncodeToString(noise(6000)))
	}
	v := vec("too-large", "More than 2 MiB of certificates.", f.end(1, 0, 0, 0))
	v.nonce, v.limits.Signatures = "n0nce", true
	_, _, err := v.run()
	checkOutcome(t, v, err)
	f = newForge().add("step", step)
	for n := 1; n <= 100; n++ {
		f.add("?signature", part("step-a", n, 100, string(noise(5400))))
	}
	v = vec("too-large", "A signature of more than 384 KiB.", f.end(1, 0, 0, 0))
	v.nonce, v.limits.Signatures = "n0nce", true
	_, _, err = v.run()
	checkOutcome(t, v, err)
}
