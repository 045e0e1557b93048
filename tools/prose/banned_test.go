package main

// banned has a row for each phrase that the rules of the project refuse: the rule, and a text that it finds.
var banned = map[string]struct {
	rule string
	text string
}{
	"CanBeHad": {
		rule: "Availability",
		text: "can be had",
	},
	"CannotBeHad": {
		rule: "Availability",
		text: "cannot be had",
	},
	"CannotBeHad2": {
		rule: "Availability",
		text: "could not be had",
	},
	"IsHad": {
		rule: "Availability",
		text: "is had",
	},
	"NotToBeHad": {
		rule: "Availability",
		text: "not to be had",
	},
	"ToBeHad": {
		rule: "Availability",
		text: "to be had",
	},
	"ItIsTheValueThat": {
		rule: "Cleft",
		text: "it is the value that",
	},
	"ItWasTheValueThat": {
		rule: "Cleft",
		text: "it was the value that",
	},
	"WhatValueIsIs": {
		rule: "Cleft",
		text: "what value is is", //nolint:dupword // the rule refuses it
	},
	"GoOn": {
		rule: "Continue",
		text: "go on",
	},
	"GoesOn": {
		rule: "Continue",
		text: "goes on",
	},
	"GoingOn": {
		rule: "Continue",
		text: "going on",
	},
	"GoneOn": {
		rule: "Continue",
		text: "gone on",
	},
	"WentOn": {
		rule: "Continue",
		text: "went on",
	},
	"ComeToItsEnd": {
		rule: "End",
		text: "come to its end",
	},
	"ComesToAnEnd": {
		rule: "End",
		text: "comes to an end",
	},
	"IsAtItsEnd": {
		rule: "End",
		text: "is at its end",
	},
	"AllTheSame": {
		rule: "Idioms",
		text: "all the same",
	},
	"AsItStands": {
		rule: "Idioms",
		text: "as it stands",
	},
	"AsMattersStand": {
		rule: "Idioms",
		text: "as matters stand",
	},
	"AsThingsStand": {
		rule: "Idioms",
		text: "as things stand",
	},
	"AtHand": {
		rule: "Idioms",
		text: "at hand",
	},
	"DoWithout": {
		rule: "Idioms",
		text: "do without",
	},
	"ForEver": {
		rule: "Idioms",
		text: "for ever",
	},
	"ForGood": {
		rule: "Idioms",
		text: "for good",
	},
	"FromThenOn": {
		rule: "Idioms",
		text: "from then on",
	},
	"HandTheResultsOn": {
		rule: "Idioms",
		text: "hand the results on",
	},
	"HandedOn": {
		rule: "Idioms",
		text: "handed on",
	},
	"HandsOn": {
		rule: "Idioms",
		text: "hands on",
	},
	"IsSaidToBe": {
		rule: "Idioms",
		text: "is said to be",
	},
	"LookAgain": {
		rule: "Idioms",
		text: "look again",
	},
	"LookedAgain": {
		rule: "Idioms",
		text: "looked again",
	},
	"LooksAgain": {
		rule: "Idioms",
		text: "looks again",
	},
	"ShouldItBe": {
		rule: "Idioms",
		text: "should it be",
	},
	"TheLike": {
		rule: "Idioms",
		text: "the like",
	},
	"Likewise": {
		rule: "Likewise",
		text: "likewise",
	},
	"TakeNote": {
		rule: "Note",
		text: "take note",
	},
	"TakenNote": {
		rule: "Note",
		text: "taken note",
	},
	"TakesNote": {
		rule: "Note",
		text: "takes note",
	},
	"TakingNote": {
		rule: "Note",
		text: "taking note",
	},
	"TookNote": {
		rule: "Note",
		text: "took note",
	},
	"ByItself": {
		rule: "Own",
		text: "by itself",
	},
	"ByThemselves": {
		rule: "Own",
		text: "by themselves",
	},
	"OfHisOwn": {
		rule: "Own",
		text: "of his own",
	},
	"OfItsOwn": {
		rule: "Own",
		text: "of its own",
	},
	"OfItself": {
		rule: "Own",
		text: "of itself",
	},
	"OfOurOwn": {
		rule: "Own",
		text: "of our own",
	},
	"OfTheirOwn": {
		rule: "Own",
		text: "of their own",
	},
	"OfTheirOwnUpper": {
		rule: "Own",
		text: "Of Their Own",
	},
	"OfYourOwn": {
		rule: "Own",
		text: "of your own",
	},
	"Anybody": {
		rule: "Persons",
		text: "anybody",
	},
	"Anyone": {
		rule: "Persons",
		text: "anyone",
	},
	"Everybody": {
		rule: "Persons",
		text: "everybody",
	},
	"Everyone": {
		rule: "Persons",
		text: "everyone",
	},
	"NoOne": {
		rule: "Persons",
		text: "no one",
	},
	"Nobody": {
		rule: "Persons",
		text: "nobody",
	},
	"Somebody": {
		rule: "Persons",
		text: "somebody",
	},
	"Someone": {
		rule: "Persons",
		text: "someone",
	},
	"WhoWants": {
		rule: "Persons",
		text: "who wants",
	},
	"WhoWantsPlural": {
		rule: "Persons",
		text: "those who want",
	},
	"Whoever": {
		rule: "Persons",
		text: "whoever",
	},
	"Whom": {
		rule: "Persons",
		text: "whom",
	},
	"Whomever": {
		rule: "Persons",
		text: "whomever",
	},
	"Tell": {
		rule: "Report",
		text: "tell",
	},
	"TellApart": {
		rule: "Report",
		text: "tell apart",
	},
	"TellFrom": {
		rule: "Report",
		text: "tell from",
	},
	"Telling": {
		rule: "Report",
		text: "telling",
	},
	"Tells": {
		rule: "Report",
		text: "tells",
	},
	"TellsARunApart": {
		rule: "Report",
		text: "tells it apart",
	},
	"Told": {
		rule: "Report",
		text: "told",
	},
	"ToldApart": {
		rule: "Report",
		text: "are told apart",
	},
	"SentenceOf31Words": {
		rule: "SentenceLength",
		text: "one of a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4",
	},
	"Analyse": {
		rule: "Spelling",
		text: "analyse",
	},
	"Analysing": {
		rule: "Spelling",
		text: "analysing",
	},
	"Artefact": {
		rule: "Spelling",
		text: "artefact",
	},
	"Behaviour": {
		rule: "Spelling",
		text: "behaviour",
	},
	"Behavioural": {
		rule: "Spelling",
		text: "behavioural",
	},
	"Catalogue": {
		rule: "Spelling",
		text: "catalogue",
	},
	"Centres": {
		rule: "Spelling",
		text: "centres",
	},
	"Colour": {
		rule: "Spelling",
		text: "colour",
	},
	"Colours": {
		rule: "Spelling",
		text: "Colours",
	},
	"Defence": {
		rule: "Spelling",
		text: "defence",
	},
	"Favoured": {
		rule: "Spelling",
		text: "favoured",
	},
	"Grey": {
		rule: "Spelling",
		text: "grey",
	},
	"Honours": {
		rule: "Spelling",
		text: "honours",
	},
	"Initialisation": {
		rule: "Spelling",
		text: "initialisation",
	},
	"Judgement": {
		rule: "Spelling",
		text: "judgement",
	},
	"Labelled": {
		rule: "Spelling",
		text: "labelled",
	},
	"Learnt": {
		rule: "Spelling",
		text: "learnt",
	},
	"Licence": {
		rule: "Spelling",
		text: "licence",
	},
	"Marshalling": {
		rule: "Spelling",
		text: "marshalling",
	},
	"Neighbouring": {
		rule: "Spelling",
		text: "neighbouring",
	},
	"Organisations": {
		rule: "Spelling",
		text: "organisations",
	},
	"Serialise": {
		rule: "Spelling",
		text: "serialise",
	},
	"Serialised": {
		rule: "Spelling",
		text: "serialised",
	},
	"Serialising": {
		rule: "Spelling",
		text: "serialising",
	},
	"Signaller": {
		rule: "Spelling",
		text: "signaller",
	},
	"Summariser": {
		rule: "Spelling",
		text: "summariser",
	},
	"Towards": {
		rule: "Spelling",
		text: "towards",
	},
	"Unlabelled": {
		rule: "Spelling",
		text: "unlabelled",
	},
	"Whilst": {
		rule: "Spelling",
		text: "whilst",
	},
}
