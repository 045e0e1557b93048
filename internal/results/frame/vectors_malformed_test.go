package frame_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

func malformedVectors() map[string]vector {
	bad := func(comment, kind, payload string) vector {
		return vec("malformed", comment, newForge().add(kind, payload).end(0, 0, 0, 0))
	}
	f := newForge()
	digest := fmt.Sprintf("%x", sha256.Sum256(nil))
	header := func(name, typ, size, frames, sum string) string {
		return fmt.Sprintf(`{"name":%q,"type":%q,"size":%s,"encoding":"raw","frames":%s,"sha256":%q}`, name, typ, size, frames, sum)
	}
	return map[string]vector{
		"malformed-number-zeros": vec("malformed", "A sequence number has one spelling.", newForge().raw(f.text("1", "01", "step", step))),
		"malformed-number-sign":  vec("malformed", "A sequence number has no sign.", newForge().raw(f.text("1", "-1", "step", step))),
		"malformed-number-huge":  vec("malformed", "A sequence number has less than 64 bits.", newForge().raw(f.text("1", strings.Repeat("9", 20), "step", step))),
		"malformed-number-word":  vec("malformed", "A sequence number is a number.", newForge().raw(f.text("1", "one", "step", step))),
		"malformed-no-kind":      vec("malformed", "A record has a kind.", newForge().raw(f.text("1", 1, "", step))),
		"malformed-intro":        vec("malformed", "The intro is a JSON object.", (&forge{nonce: "n0nce"}).add("intro", "[]")),
		"malformed-json":         bad("A step is JSON.", "step", `{"name":"a"`),
		"malformed-json-more":    bad("A step is one JSON value.", "step", step+step),
		"malformed-step-name":    bad("A step has a name.", "step", `{"exitCode":0,"reason":"Completed"}`),
		"malformed-step-time":    bad("Times are RFC 3339.", "step", `{"name":"a","exitCode":0,"finishedAt":"yesterday","reason":"Completed"}`),
		"malformed-step-code":    bad("An exit code is a number.", "step", `{"name":"a","exitCode":"0","reason":"Completed"}`),
		"malformed-problem":      bad("A problem has a kind.", "problem", `{"result":"a"}`),
		"malformed-problem-name": bad("A problem names a result.", "problem", `{"result":"../a","kind":"TooLarge"}`),
		"malformed-result-name":  bad("The name of a result cannot be a path.", "result", header("a/b", "string", "0", "0", digest)),
		"malformed-result-type":  bad("There are three types.", "result", header("a", "number", "0", "0", digest)),
		"malformed-result-size":  bad("A size is not negative.", "result", header("a", "string", "-1", "0", digest)),
		"malformed-result-count": bad("A number of frames is not negative.", "result", header("a", "string", "0", "-1", digest)),
		"malformed-result-sum":   bad("A SHA-256 has 64 digits.", "result", header("a", "string", "0", "0", digest[2:])),
		"malformed-result-hex":   bad("A SHA-256 has hexadecimal digits.", "result", header("a", "string", "0", "0", strings.Repeat("z", 64))),
		"malformed-end-steps":    vec("malformed", "The end counts another number of steps.", newForge().add("step", step).end(0, 0, 0, 0)),
		"malformed-end-results":  vec("malformed", "The end counts another number of results.", newForge().result("a", nil, 1).end(0, 2, 0, 0)),
		"malformed-end-problems": vec("malformed", "The end counts another number of problems.", newForge().end(0, 0, 1, 0)),
		"malformed-end-bytes":    vec("malformed", "The end counts another number of bytes.", newForge().result("a", []byte("xy"), 2).end(0, 1, 0, 1)),
		"malformed-end-digest":   vec("malformed", "The end has a digest.", newForge().endWith(0, 0, 0, 0, "")),
	}
}

func dataVectors() map[string]vector {
	sum := sha256.Sum256([]byte("four"))
	raw := func(size, frames int) *forge { return newForge().header("a", "string", "raw", size, frames, sum) }
	end := func(f *forge) *forge { return f.end(0, 1, 0, 4) }
	return map[string]vector{
		"malformed-data-lone":    vec("malformed", "Data of no result.", newForge().data([]byte("four")).end(0, 0, 0, 0)),
		"malformed-data-more":    vec("malformed", "One frame more than the header says.", end(raw(4, 1).data([]byte("four")).data([]byte("s")))),
		"malformed-data-missing": vec("malformed", "One frame less than the header says.", end(raw(4, 2).data([]byte("four")))),
		"malformed-data-short":   vec("malformed", "Less data than the size.", end(raw(4, 1).data([]byte("fou")))),
		"malformed-data-long":    vec("malformed", "More data than the size.", end(raw(4, 2).data([]byte("four")).data([]byte("s")))),
		"malformed-data-empty":   vec("malformed", "A frame without bytes.", end(raw(4, 2).data(nil).data([]byte("four")))),
		"malformed-data-none":    vec("malformed", "A size without frames.", end(raw(4, 0))),
		"malformed-data-nothing": vec("malformed", "Frames without a size.", newForge().header("a", "string", "raw", 0, 1, sum).data([]byte("x"))),
		"malformed-data-step":    vec("malformed", "A step between the frames of a value.", end(raw(4, 2).data([]byte("fo")).add("step", step).data([]byte("ur")))),
		"malformed-data-optional": vec("malformed", "Optional records do not come between the frames of a value.",
			end(raw(4, 2).data([]byte("fo")).add("?note", "x").data([]byte("ur")))),
		"malformed-data-end":     vec("malformed", "The end before all of a value.", end(raw(4, 2).data([]byte("fo")))),
		"malformed-data-base64":  vec("malformed", "A character that is not base64.", end(raw(4, 1).add("data", "Zm91c*"))),
		"malformed-data-padding": vec("malformed", "Base64 is not padded.", end(raw(4, 1).add("data", "Zm91cg=="))),
		"malformed-data-bits":    vec("malformed", "A value has one spelling: the bits that are left over are zero.", end(raw(4, 1).add("data", "Zm91ch"))),
		"malformed-data-return":  vec("malformed", "A carriage return is not base64.", end(raw(4, 1).add("data", "Zm9\r1cg"))),
		"malformed-data-url":     vec("malformed", "The alphabet is the standard one.", end(raw(3, 1).add("data", "-_-_"))),
	}
}

func deflateVectors() map[string]vector {
	value := []byte(strings.Repeat("four", 100))
	data := deflated(value)
	bomb := deflated(make([]byte, 1<<20))
	with := func(comment string, f *forge) vector { return vec("malformed", comment, f.end(0, 1, 0, len(value))) }
	half := len(data) / 2
	return map[string]vector{
		"malformed-deflate-garbage": with("Data that is not compressed.", newForge().compressed([]byte("\xff\xff\xff\xff"), len(value), 1, value)),
		"malformed-deflate-cut":     with("Compressed data that is cut.", newForge().compressed(data[:half], len(value), 1, value)),
		"malformed-deflate-bomb":    with("Data that decompresses to more than the size.", newForge().compressed(bomb, len(value)*4, 1, value)),
		"malformed-deflate-short":   with("Data that decompresses to less than the size.", newForge().compressed(data, len(value)+1, 1, value)),
		"malformed-deflate-rest":    with("Bytes after the compressed data.", newForge().compressed(append(slices.Clip(data), 0), len(value), 1, value)),
		"malformed-deflate-frames": with("A frame after the compressed data.",
			newForge().compressed(data, len(value), 2, value).data([]byte("x"))),
		"malformed-deflate-larger": with("A compressed form that is larger than the value.",
			newForge().compressed(deflated([]byte("x")), 1, 1, []byte("x"))),
		"malformed-deflate-empty": with("An empty value is not compressed.", newForge().compressed(deflated(nil), 0, 1, nil)),
	}
}
