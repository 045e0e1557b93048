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
		"malformed-number-huge": vec("malformed", "A sequence number has less than 64 bits.",
			newForge().raw(f.text("1", strings.Repeat("9", 20), "step", step))),
		"malformed-number-word": vec("malformed", "A sequence number is a number.", newForge().raw(f.text("1", "one", "step", step))),
		"malformed-no-kind":     vec("malformed", "A record has a kind.", newForge().raw(f.text("1", 1, "", step))),
		"malformed-kind":        bad("A kind has letters, digits and hyphens.", "st_ep", step),
		"malformed-kind-long":   bad("A kind has at most 64 characters.", strings.Repeat("k", 65), "{}"),
		"malformed-intro":       vec("malformed", "The intro is a JSON object.", (&forge{nonce: "n0nce"}).add("intro", "[]")),
		"malformed-json":        bad("A step is JSON.", "step", `{"name":"a"`),
		"malformed-json-more":   bad("A step is one JSON value.", "step", step+step),
		"malformed-step-name":   bad("A step has a name.", "step", `{"exitCode":0,"reason":"Completed"}`),
		"malformed-step-time":   bad("Times are RFC 3339.", "step", `{"name":"a","exitCode":0,"finishedAt":"yesterday","reason":"Completed"}`),
		"malformed-step-early": bad("No step began before 1970.", "step",
			`{"name":"a","exitCode":0,"startedAt":"0000-01-01T00:00:00+14:00","reason":"Completed"}`),
		"malformed-step-late": bad("The year counts in UTC.", "step",
			`{"name":"a","exitCode":0,"finishedAt":"9999-12-31T23:59:59-14:00","reason":"Completed"}`),
		"malformed-step-code":   bad("An exit code is a number.", "step", `{"name":"a","exitCode":"0","reason":"Completed"}`),
		"malformed-step-bits":   bad("An exit code has at most 32 bits.", "step", `{"name":"a","exitCode":4294967296,"reason":"Error"}`),
		"malformed-step-reason": bad("A reason is a word.", "step", `{"name":"a","exitCode":1,"reason":"out of memory"}`),
		"malformed-step-failed": bad("What ended with another exit code than 0 has not completed.", "step",
			`{"name":"a","exitCode":1,"reason":"Completed"}`),
		"malformed-problem-word": bad("A kind of problem is a word.", "problem", `{"result":"a","kind":"too large"}`),
		"malformed-problem-size": bad("A size is not negative.", "problem", `{"result":"a","kind":"TooLarge","size":-1}`),
		"malformed-problem":      bad("A problem has a kind.", "problem", `{"result":"a"}`),
		"malformed-problem-name": bad("A problem names a result.", "problem", `{"result":"../a","kind":"TooLarge"}`),
		"malformed-result-name":  bad("The name of a result cannot be a path.", "result", header("a/b", "string", "0", "0", digest)),
		"malformed-result-type":  bad("There are three types.", "result", header("a", "number", "0", "0", digest)),
		"malformed-result-size":  bad("A size is not negative.", "result", header("a", "string", "-1", "0", digest)),
		"malformed-result-count": bad("A number of frames is not negative.", "result", header("a", "string", "0", "-1", digest)),
		"malformed-result-sum":   bad("A SHA-256 has 64 digits.", "result", header("a", "string", "0", "0", digest[2:])),
		"malformed-result-hex":   bad("A SHA-256 has hexadecimal digits.", "result", header("a", "string", "0", "0", strings.Repeat("z", 64))),
		"malformed-result-upper": bad("A SHA-256 has one spelling.", "result", header("a", "string", "0", "0", strings.ToUpper(digest))),
		"malformed-end-steps":    vec("malformed", "The end counts another number of steps.", newForge().add("step", step).end(0, 0, 0, 0)),
		"malformed-end-results":  vec("malformed", "The end counts another number of results.", newForge().result("a", nil, 1).end(0, 2, 0, 0)),
		"malformed-end-problems": vec("malformed", "The end counts another number of problems.", newForge().end(0, 0, 1, 0)),
		"malformed-end-bytes": vec("malformed", "The end counts another number of bytes.", newForge().result("a", []byte("xy"), 2).
			end(0, 1, 0, 1)),
		"malformed-end-digest": vec("malformed", "The end has a digest.", newForge().endWith(0, 0, 0, 0, "")),
	}
}

// objectVectors are payloads that some readers of JSON take, and others do not: the outcome must not depend on that.
func objectVectors() map[string]vector {
	bad := func(comment, payload string) vector {
		return vec("malformed", comment, newForge().add("step", payload).end(1, 0, 0, 0))
	}
	many := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"name":"a","exitCode":0,"reason":"Completed"`)
		for i := range n - 3 {
			fmt.Fprintf(&b, `,"x%d":[{"name":null},"}"]`, i)
		}
		return b.String() + "}"
	}
	return map[string]vector{
		"malformed-object-null":     bad("Null is no object.", `null`),
		"malformed-object-array":    bad("An array is no object.", `[]`),
		"malformed-object-lacks":    bad("A step has an exit code: a missing one is not 0.", `{"name":"a","reason":"Completed"}`),
		"malformed-object-nothing":  bad("A field that is null is no field.", `{"name":"a","exitCode":null,"reason":"Completed"}`),
		"malformed-object-optional": bad("Nor is one that may be absent.", `{"name":"a","exitCode":0,"reason":"Completed","message":null}`),
		"malformed-object-case":     bad("The letters of a field's name have one case.", `{"name":"a","ExitCode":0,"reason":"Completed"}`),
		"malformed-object-fold": bad("There are more letters that some readers take for others.",
			`{"name":"a","exitCode":0,"rea\u017fon":"Error","reason":"Completed"}`),
		"malformed-object-twice": bad("A field comes once.", `{"name":"a","exitCode":1,"reason":"Completed","exitCode":0}`),
		"malformed-object-escaped": bad("A field comes once, however it is written.",
			`{"name":"a","exitCode":1,"reason":"Completed","exit\u0043ode":0}`),
		"malformed-object-unknown": bad("So does one that a reader does not know.", `{"name":"a","exitCode":0,"reason":"Completed","x":1,"X":2}`),
		"malformed-object-utf8":    bad("JSON is UTF-8.", "{\"name\":\"a\",\"exitCode\":0,\"reason\":\"Completed\",\"message\":\"\xff\"}"),
		"malformed-object-fields":  bad("An object has at most 64 fields.", many(65)),
		"whole-object-fields": vec("whole", "An object of 64 fields, with other objects in them.",
			newForge().add("step", many(64)).end(1, 0, 0, 0)),
		"whole-object-space": vec("whole", "JSON may have white space, and names may be written with escapes.",
			newForge().add("step",
				"\t{ \"n\\u0061me\" : \"a\" , \"message\":\"{\\\"\\u007d,\\\\\",\r\"x\":{\"a\":[1,{}]} , \"exitCode\":0, \"reason\" :\"Completed\" } ").
				end(1, 0, 0, 0)),
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
		"malformed-data-nothing": vec("malformed", "Frames without a size.", newForge().header("a", "string", "raw", 0, 1, sum).
			data([]byte("x"))),
		"malformed-data-step": vec("malformed", "A step between the frames of a value.",
			end(raw(4, 2).data([]byte("fo")).add("step", step).data([]byte("ur")))),
		"malformed-data-optional": vec("malformed", "Optional records do not come between the frames of a value.",
			end(raw(4, 2).data([]byte("fo")).add("?note", "x").data([]byte("ur")))),
		"malformed-data-end":     vec("malformed", "The end before all of a value.", end(raw(4, 2).data([]byte("fo")))),
		"malformed-data-base64":  vec("malformed", "A character that is not base64.", end(raw(4, 1).add("data", "Zm91c*"))),
		"malformed-data-padding": vec("malformed", "Base64 is not padded.", end(raw(4, 1).add("data", "Zm91cg=="))),
		"malformed-data-bits": vec("malformed", "A value has one spelling: the bits that are left over are zero.",
			end(raw(4, 1).add("data", "Zm91ch"))),
		"malformed-data-return": vec("malformed", "A carriage return is not base64.", end(raw(4, 1).add("data", "Zm9\r1cg"))),
		"malformed-data-url":    vec("malformed", "The alphabet is the standard one.", end(raw(3, 1).add("data", "-_-_"))),
	}
}

func deflateVectors() map[string]vector {
	value := []byte(strings.Repeat("four", 100))
	data := deflated(value)
	bomb := deflated(make([]byte, 1<<20))
	with := func(comment string, f *forge) vector { return vec("malformed", comment, f.end(0, 1, 0, len(value))) }
	half := len(data) / 2
	return map[string]vector{
		"malformed-deflate-garbage": with("Data that is not compressed.",
			newForge().compressed([]byte("\xff\xff\xff\xff"), len(value), 1, value)),
		"malformed-deflate-cut":   with("Compressed data that is cut.", newForge().compressed(data[:half], len(value), 1, value)),
		"malformed-deflate-bomb":  with("Data that decompresses to more than the size.", newForge().compressed(bomb, len(value)*4, 1, value)),
		"malformed-deflate-short": with("Data that decompresses to less than the size.", newForge().compressed(data, len(value)+1, 1, value)),
		"malformed-deflate-rest": with("Bytes after the compressed data.",
			newForge().compressed(append(slices.Clip(data), 0), len(value), 1, value)),
		"malformed-deflate-frames": with("A frame after the compressed data.",
			newForge().compressed(data, len(value), 2, value).data([]byte("x"))),
		"malformed-deflate-larger": with("A compressed form that is larger than the value.",
			newForge().compressed(deflated([]byte("x")), 1, 1, []byte("x"))),
		"malformed-deflate-empty": with("An empty value is not compressed.", newForge().compressed(deflated(nil), 0, 1, nil)),
	}
}
