using System.Text;

namespace Prisma.Core;

/// <summary>
/// The calls a pickle may make: the constructors of Python's containers, of torch's tensors and of numpy's arrays, done here in C#, and a few
/// value types kept as records. Every other call is refused by name.
/// </summary>
internal sealed class PickleCalls(string file, PickleBudget budget, Func<ByteStore, PickleValue> readNested)
{
    private static readonly PickleSequence Nothing = new(PickleSequenceKind.Tuple, []);

    /// <summary>REDUCE, INST and OBJ: a call of <paramref name="callee"/> with a tuple.</summary>
    public PickleValue Call(PickleValue callee, PickleValue arguments)
    {
        if (callee is not PickleName name) throw Bad($"{callee.Kind} is called");
        if (arguments is not PickleSequence { Type: PickleSequenceKind.Tuple, Items: var items }) throw Bad($"{name} is called with {arguments.Kind}");
        return Known(name, items) ?? throw new CheckpointException(
            $"'{file}' is refused: its pickle calls '{name}', which is not on the list of harmless constructors. Nothing was executed. Save plain tensors (a state dict) instead.");
    }

    /// <summary>BUILD: state for what was constructed.</summary>
    public void Build(PickleValue target, PickleValue state)
    {
        switch (target)
        {
            case PickleObject instance: instance.State = state; break;
            case PickleDictionary dictionary: dictionary.Attributes = state; break;
            case NumpyDtype dtype: BuildDtype(dtype, state); break;
            case PickleTensor { IsComplete: false } array: BuildArray(array, state); break;
            default: throw Bad($"state for {target.Kind}");
        }
    }

    private PickleValue? Known(PickleName name, IReadOnlyList<PickleValue> args)
    {
        switch (name.ToString())
        {
            case "collections.OrderedDict" or "builtins.dict":
                return Dictionary(args.Count == 0 ? Nothing : args[0]);
            case "collections.defaultdict":
                return Dictionary(args.Count < 2 ? Nothing : args[1]);
            case "collections.Counter":
                return Dictionary(args.Count == 0 ? Nothing : args[0]);
            case "builtins.set" or "builtins.frozenset":
                return Sequence(PickleSequenceKind.Set, args);
            case "builtins.list" or "collections.deque":
                return Sequence(PickleSequenceKind.List, args);
            case "builtins.tuple":
                return Sequence(PickleSequenceKind.Tuple, args);
            case "torch.Size":
                return Sequence(PickleSequenceKind.Tuple, args);
            case "builtins.bytes" or "builtins.bytearray" or "_codecs.encode":
                return Bytes(args);
            case "builtins.complex" or "builtins.slice" or "builtins.range" or "datetime.datetime" or "datetime.date" or "datetime.time"
                or "datetime.timedelta" or "datetime.timezone" or "decimal.Decimal" or "types.SimpleNamespace" or "uuid.UUID":
                return new PickleObject(name, Tuple(args));
            case "pathlib.PosixPath" or "pathlib.PurePosixPath" or "pathlib.WindowsPath" or "pathlib.PureWindowsPath" or "pathlib._local.PosixPath" or "pathlib._local.WindowsPath":
                return new PickleScalar(string.Join('/', args.Select(PickleJson.KeyText)));
            case "copyreg._reconstructor" or "copy_reg._reconstructor" when args is [PickleName type, ..]:
                return new PickleObject(type, Nothing);
            case "copyreg.__newobj__" or "copy_reg.__newobj__" when args is [PickleName type, ..]:
                return new PickleObject(type, Tuple(args.Skip(1)));
            case "torch.device":
                return new PickleScalar(string.Join(':', args.Select(PickleJson.KeyText)));
            case "torch.serialization._get_layout" or "torch.storage._load_from_bytes" or "torch._utils._rebuild_tensor" or "torch._utils._rebuild_tensor_v2"
                or "torch._utils._rebuild_tensor_v3" or "torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state"
                or "torch._tensor._rebuild_from_type_v2" or "torch._tensor._rebuild_from_type":
                return Torch(name, args);
            case "torch.jit._pickle.build_intlist" or "torch.jit._pickle.build_tensorlist" or "torch.jit._pickle.build_doublelist"
                or "torch.jit._pickle.build_boollist" or "torch.jit._pickle.restore_type_tag" when args.Count > 0:
                return args[0];
            default:
                return name.Module is "numpy" or "numpy.core.multiarray" or "numpy._core.multiarray" or "numpy.core.numeric" or "numpy._core.numeric"
                    ? Numpy(name.Name, args)
                    : null;
        }
    }

    private PickleValue Torch(PickleName name, IReadOnlyList<PickleValue> args)
    {
        switch (name.Name)
        {
            case "_get_layout" when args is [PickleScalar { Value: string layout }]:
                return new PickleName("torch", layout.Split('.')[^1]);
            case "_load_from_bytes" when args is [PickleBytes bytes]:
                budget.CountCopy(bytes.Length);
                return readNested(bytes.Content);
            case "_rebuild_tensor" when args is [PickleStorage storage, var offset, var size, var stride]:
                return Tensor(storage, storage.Type, offset, size, stride);
            case "_rebuild_tensor_v2" when args is [PickleStorage storage, var offset, var size, var stride, _, _, ..]:
                RefuseLazyBits(args, 6);
                return Tensor(storage, storage.Type, offset, size, stride);
            case "_rebuild_tensor_v3" when args is [PickleStorage storage, var offset, var size, var stride, _, _, PickleName dtype, ..]:
                RefuseLazyBits(args, 7);
                return Tensor(storage, TorchTypes.OfDtype(file, dtype), offset, size, stride);
            case "_rebuild_parameter" or "_rebuild_parameter_with_state" when args is [PickleTensor tensor, ..]:
                return tensor;
            case "_rebuild_from_type_v2" or "_rebuild_from_type" when args is [PickleName inner, _, PickleSequence innerArgs, ..]:
                // A tensor subclass: the tensor under it is what counts, its attributes are not.
                return inner.ToString() is "torch._utils._rebuild_tensor_v2" or "torch._utils._rebuild_tensor_v3" or "torch._utils._rebuild_parameter"
                    ? Torch(inner, innerArgs.Items)
                    : throw Bad($"{name} rebuilds through {inner}, which is not supported");
            default:
                throw Bad($"{name} is called with {args.Count} arguments that do not fit");
        }
    }

    // Conjugated or negated views store other numbers than they mean.
    private void RefuseLazyBits(IReadOnlyList<PickleValue> args, int at)
    {
        if (args.Count > at && args[at] is PickleDictionary metadata && metadata.Entries.Any(entry => entry.Value is not PickleScalar { Value: false or null }))
            throw Bad("a tensor is a conjugated or negated view (call resolve_conj() or resolve_neg() before saving)");
    }

    private PickleTensor Tensor(PickleStorage storage, StoredType type, PickleValue offset, PickleValue size, PickleValue stride)
    {
        var what = $"'{file}': a tensor";
        var layout = TensorLayout.Strided(what, Sizes(size), Sizes(stride), Number(offset), storage.Bytes.Length / type.ItemSize());
        return new PickleTensor(new StoredTensor("", type, layout, storage.Bytes, storage.BigEndian));
    }

    private PickleValue? Numpy(string name, IReadOnlyList<PickleValue> args)
    {
        switch (name)
        {
            case "_reconstruct":
                return new PickleTensor(null);
            case "dtype" when args is [PickleScalar { Value: string code }, ..]:
                return new NumpyDtype(code);
            case "scalar" when args is [NumpyDtype dtype, PickleBytes bytes]:
                var (type, bigEndian) = dtype.Resolve($"'{file}': a numpy scalar");
                var value = new StoredTensor("", type, TensorLayout.Contiguous(file, []), bytes.Content, bigEndian).ToScalar();
                return type switch
                {
                    StoredType.BOOL => PickleScalar.Of(value != 0),
                    StoredType.F64 or StoredType.F32 or StoredType.F16 => new PickleScalar(value),
                    _ when Math.Abs(value) < 1L << 53 => new PickleScalar((long)value),
                    _ => throw Bad($"a numpy scalar of {value} is beyond 53 bits"),
                };
            case "_frombuffer" when args is [PickleBytes bytes, NumpyDtype dtype, var shape, var order]:
                return new PickleTensor(Array(dtype, Sizes(shape), order is PickleScalar { Value: "F" }, bytes.Content));
            default:
                return null;
        }
    }

    // ndarray.__setstate__: (version, shape, dtype, is column-major, bytes)
    private void BuildArray(PickleTensor array, PickleValue state)
    {
        if (state is not PickleSequence { Items: [_, var shape, NumpyDtype dtype, PickleScalar { Value: bool columnMajor }, var data] })
            throw Bad($"the state of an array is {state.Kind}");
        dtype.Resolve($"'{file}': an array");
        var content = data switch
        {
            PickleBytes bytes => bytes.Content,
            PickleScalar { Value: string text } => Latin1(text),    // Python 2
            _ => throw Bad($"the content of an array is {data.Kind}"),
        };
        array.Complete(Array(dtype, Sizes(shape), columnMajor, content));
    }

    private StoredTensor Array(NumpyDtype dtype, long[] shape, bool columnMajor, ByteStore content)
    {
        var what = $"'{file}': an array";
        var (type, bigEndian) = dtype.Resolve(what);
        var layout = columnMajor ? TensorLayout.ColumnMajor(what, shape) : TensorLayout.Contiguous(what, shape);
        if (layout.Count * type.ItemSize() != content.Length)
            throw Bad($"an array of type {dtype.Code} and shape [{string.Join(", ", shape)}] has {content.Length} bytes");
        return new StoredTensor("", type, layout, content, bigEndian);
    }

    // dtype.__setstate__: (version, byte order, …)
    private void BuildDtype(NumpyDtype dtype, PickleValue state)
    {
        if (state is not PickleSequence { Items: [_, PickleScalar { Value: "<" or ">" or "|" or "=" } order, ..] }) throw Bad($"the state of a numpy dtype is {state.Kind}");
        dtype.Order = order.AsString();
    }

    private long[] Sizes(PickleValue value) => value switch
    {
        PickleSequence { Items.Count: <= 64 } sequence => [.. sequence.Items.Select(Number)],
        PickleSequence => throw Bad($"{value.Kind} is given as sizes"),
        _ => [Number(value)],
    };

    private long Number(PickleValue value) => value is PickleScalar { Value: long number } ? number : throw Bad($"{value.Kind} is given as a size");

    private PickleDictionary Dictionary(PickleValue content)
    {
        var result = new PickleDictionary();
        switch (content)
        {
            case PickleDictionary dictionary:
                budget.CountCopy(dictionary.Entries.Count);
                foreach (var (key, value) in dictionary.Entries) result.Set(key, value);
                break;
            case PickleSequence pairs:
                budget.CountCopy(pairs.Items.Count);
                foreach (var pair in pairs.Items)
                {
                    if (pair is not PickleSequence { Items: [var key, var value] }) throw Bad("a dictionary is made of something else than pairs");
                    result.Set(key, value);
                }

                break;
            default:
                throw Bad($"a dictionary is made of {content.Kind}");
        }

        return result;
    }

    private PickleSequence Sequence(PickleSequenceKind kind, IReadOnlyList<PickleValue> args)
    {
        if (args.Count == 0) return new PickleSequence(kind, []);
        if (args[0] is not PickleSequence items) throw Bad($"a sequence is made of {args[0].Kind}");
        budget.CountCopy(items.Items.Count);
        return new PickleSequence(kind, [.. items.Items]);
    }

    private PickleBytes Bytes(IReadOnlyList<PickleValue> args)
    {
        switch (args)
        {
            case []:
                return new PickleBytes(new MemoryBytes(file, default));
            case [PickleBytes bytes, ..]:
                return bytes;
            case [PickleScalar { Value: string text }, PickleScalar { Value: "latin1" or "latin-1" }, ..]:
                return new PickleBytes(Latin1(text));
            default:
                throw Bad("bytes are made of something else than text");
        }
    }

    private MemoryBytes Latin1(string text)
    {
        budget.CountCopy(text.Length);
        if (text.AsSpan().ContainsAnyExceptInRange('\0', '\xFF')) throw Bad("text that is no byte string is used as one");
        return new MemoryBytes(file, Encoding.Latin1.GetBytes(text));
    }

    private static PickleSequence Tuple(IEnumerable<PickleValue> items) => new(PickleSequenceKind.Tuple, [.. items]);

    private CheckpointException Bad(string why) => new($"'{file}': the pickle cannot be read: {why}.");
}
