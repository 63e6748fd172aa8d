namespace Prisma.Core;

/// <summary>
/// A pickle machine (protocols 0 to 5) that builds inert values and runs nothing: names stay names, calls go to a short list of known
/// constructors (<see cref="PickleCalls"/>), instances of unknown classes become records. It neither recurses nor trusts a length.
/// </summary>
internal sealed class PickleMachine(PickleReader input, PickleBudget budget, PickleCalls calls, Func<PickleValue, PickleValue> persistent)
{
    private readonly List<PickleValue> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, PickleValue> _memo = [];

    /// <summary>Runs to the end of one pickle; the reader then stands behind it.</summary>
    public PickleValue Run()
    {
        for (; ; )
        {
            var opcode = input.Byte();
            if (opcode == '.') return Pop();
            if (!Literal(opcode) && !Container(opcode) && !Construct(opcode) && !Memo(opcode))
                throw input.Bad(opcode is 0x82 or 0x83 or 0x84 or 0x97 or 0x98 ? $"opcode 0x{opcode:X2} (extensions, out-of-band buffers) is not supported" : $"unknown opcode 0x{opcode:X2}");
        }
    }

    // Numbers, text, bytes.
    private bool Literal(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'N': Push(PickleScalar.None); break;
            case 0x88: Push(PickleScalar.True); break;
            case 0x89: Push(PickleScalar.False); break;
            case (byte)'I': PushIntegerLine(); break;
            case (byte)'L': Push(input.IntegerLine()); break;
            case (byte)'J': PushScalar((long)input.Int32()); break;
            case (byte)'K': PushScalar((long)input.Byte()); break;
            case (byte)'M': PushScalar((long)input.UInt16()); break;
            case 0x8A: Push(input.Integer(input.Byte())); break;
            case 0x8B: Push(input.Integer(input.Int32())); break;
            case (byte)'F': PushScalar(input.DoubleLine()); break;
            case (byte)'G': PushScalar(input.Double()); break;
            case (byte)'S': PushScalar(input.QuotedLine()); break;
            case (byte)'T': PushScalar(input.Latin1(input.Int32())); break;
            case (byte)'U': PushScalar(input.Latin1(input.Byte())); break;
            case (byte)'V': PushScalar(input.RawUnicodeLine()); break;
            case (byte)'X': PushScalar(input.Utf8(input.UInt32())); break;
            case 0x8C: PushScalar(input.Utf8(input.Byte())); break;
            case 0x8D: PushScalar(input.Utf8(input.Length64())); break;
            case (byte)'B': Push(new PickleBytes(input.Part(input.UInt32()))); break;
            case (byte)'C': Push(new PickleBytes(input.Part(input.Byte()))); break;
            case 0x8E or 0x96: Push(new PickleBytes(input.Part(input.Length64()))); break;
            default: return false;
        }

        return true;
    }

    // Lists, tuples, sets, dictionaries.
    private bool Container(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'(': _marks.Add(_stack.Count); budget.CountValue(); break;
            case (byte)']': Push(new PickleSequence(PickleSequenceKind.List, [])); break;
            case (byte)')': Push(new PickleSequence(PickleSequenceKind.Tuple, [])); break;
            case (byte)'}': Push(new PickleDictionary()); break;
            case 0x8F: Push(new PickleSequence(PickleSequenceKind.Set, [])); break;
            case (byte)'l': Push(new PickleSequence(PickleSequenceKind.List, PopMark())); break;
            case (byte)'t': Push(new PickleSequence(PickleSequenceKind.Tuple, PopMark())); break;
            case 0x91: Push(new PickleSequence(PickleSequenceKind.Set, PopMark())); break;
            case 0x85 or 0x86 or 0x87: Push(new PickleSequence(PickleSequenceKind.Tuple, PopMany(opcode - 0x84))); break;
            case (byte)'d':
                var pairs = PopMark();
                var dictionary = new PickleDictionary();
                Push(dictionary);
                SetItems(dictionary, pairs);
                break;
            case (byte)'a': Append(PopMany(1)); break;
            case (byte)'e' or 0x90: Append(PopMark()); break;
            case (byte)'s':
                var pair = PopMany(2);
                SetItems(Top(), pair);
                break;
            case (byte)'u':
                var items = PopMark();
                SetItems(Top(), items);
                break;
            default: return false;
        }

        return true;
    }

    // Names, calls, instances, storages.
    private bool Construct(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'c':
                var module = input.Line();
                Push(PickleGlobals.Check(input.Label, module, input.Line()));
                break;
            case 0x93:
                var names = PopMany(2);
                Push(names is [PickleScalar { Value: string from }, PickleScalar { Value: string name }]
                    ? PickleGlobals.Check(input.Label, from, name)
                    : throw input.Bad("a name that is no text"));
                break;
            case (byte)'R':
                var arguments = Pop();
                Push(calls.Call(Pop(), arguments));
                break;
            case 0x81:
                var given = Pop();
                Push(Instance(Pop(), given));
                break;
            case 0x92:
                var keywords = Pop();
                var positional = Pop();
                Push(Instance(Pop(), keywords is PickleDictionary { Entries.Count: 0 } ? positional : new PickleSequence(PickleSequenceKind.Tuple, [positional, keywords])));
                break;
            case (byte)'i':
                var instanceModule = input.Line();
                var instanceName = PickleGlobals.Check(input.Label, instanceModule, input.Line());
                Push(calls.Call(instanceName, new PickleSequence(PickleSequenceKind.Tuple, PopMark())));
                break;
            case (byte)'o':
                var call = PopMark();
                if (call.Count == 0) throw input.Bad("an instance without a class");
                Push(calls.Call(call[0], new PickleSequence(PickleSequenceKind.Tuple, call[1..])));
                break;
            case (byte)'b':
                var state = Pop();
                calls.Build(Top(), state);
                break;
            case (byte)'Q': Push(persistent(Pop())); break;
            case (byte)'P': Push(persistent(new PickleScalar(input.Line()))); break;
            default: return false;
        }

        return true;
    }

    // The stack and the memo themselves, and frames, which say nothing.
    private bool Memo(byte opcode)
    {
        switch (opcode)
        {
            case 0x80:
                var protocol = input.Byte();
                if (protocol > 5) throw input.Bad($"protocol {protocol}; 0 to 5 are known");
                break;
            case 0x95: input.Int64(); break;
            case (byte)'0':
                if (_marks.Count > 0 && _marks[^1] == _stack.Count) _marks.RemoveAt(_marks.Count - 1);
                else Pop();
                break;
            case (byte)'1': PopMark(); break;
            case (byte)'2': Push(Top()); break;
            case (byte)'p': _memo[MemoLine()] = Top(); break;
            case (byte)'q': _memo[input.Byte()] = Top(); break;
            case (byte)'r': _memo[input.UInt32()] = Top(); break;
            case 0x94: _memo[_memo.Count] = Top(); break;
            case (byte)'g': Push(Recall(MemoLine())); break;
            case (byte)'h': Push(Recall(input.Byte())); break;
            case (byte)'j': Push(Recall(input.UInt32())); break;
            default: return false;
        }

        return true;
    }

    private void PushIntegerLine()
    {
        var value = input.IntegerLine(out var line);
        Push(line is "00" or "01" ? PickleScalar.Of(line == "01") : value);
    }

    private long MemoLine() => input.IntegerLine() is { Value: long place and >= 0 } ? place : throw input.Bad("a place in the memo was expected");

    private PickleValue Recall(long place) => _memo.TryGetValue(place, out var value) ? value : throw input.Bad($"nothing is memorised at {place}");

    private void PushScalar(object value) => Push(new PickleScalar(value));

    private void Push(PickleValue value)
    {
        budget.CountValue();
        _stack.Add(value);
    }

    private int Floor => _marks.Count > 0 ? _marks[^1] : 0;

    private PickleValue Top() => _stack.Count > Floor ? _stack[^1] : throw Underflow();

    private PickleValue Pop()
    {
        var value = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private List<PickleValue> PopMany(int count)
    {
        if (_stack.Count - Floor < count) throw Underflow();
        var values = _stack[^count..];
        _stack.RemoveRange(_stack.Count - count, count);
        return values;
    }

    private List<PickleValue> PopMark()
    {
        if (_marks.Count == 0) throw Underflow();
        var values = PopMany(_stack.Count - _marks[^1]);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    private CheckpointException Underflow() => input.Bad("a value is missing");

    private void Append(List<PickleValue> items)
    {
        switch (Top())
        {
            case PickleSequence { Type: not PickleSequenceKind.Tuple } sequence:
                items.ForEach(sequence.Add);
                break;
            case PickleObject instance:
                items.ForEach(instance.Add);
                break;
            case var other:
                throw input.Bad($"items for {other.Kind}");
        }
    }

    private void SetItems(PickleValue target, List<PickleValue> items)
    {
        if (items.Count % 2 != 0) throw input.Bad("a key without a value");
        for (var i = 0; i < items.Count; i += 2)
        {
            if (target is PickleDictionary dictionary) dictionary.Set(items[i], items[i + 1]);
            else if (target is PickleObject instance) instance.Set(items[i], items[i + 1]);
            else throw input.Bad($"entries for {target.Kind}");
        }
    }

    private PickleObject Instance(PickleValue type, PickleValue arguments) =>
        type is PickleName name ? new PickleObject(name, arguments) : throw input.Bad($"an instance of {type.Kind}");
}
