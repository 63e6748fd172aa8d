using System.Reflection;
using System.Runtime.CompilerServices;

namespace Prisma.Tests;

/// <summary>Type names as C# writes them, without the root namespace and without System's.</summary>
internal sealed class SignatureNames(string root)
{
    private static readonly Dictionary<Type, string> Keywords = new (Type Type, string Word)[]
    {
        (typeof(void), "void"), (typeof(bool), "bool"), (typeof(byte), "byte"), (typeof(sbyte), "sbyte"), (typeof(short), "short"),
        (typeof(ushort), "ushort"), (typeof(int), "int"), (typeof(uint), "uint"), (typeof(long), "long"), (typeof(ulong), "ulong"),
        (typeof(float), "float"), (typeof(double), "double"), (typeof(decimal), "decimal"), (typeof(char), "char"),
        (typeof(string), "string"), (typeof(object), "object"), (typeof(nint), "nint"), (typeof(nuint), "nuint"),
    }.ToDictionary(pair => pair.Type, pair => pair.Word);

    public string Of(Type type) => Of(type, Enumerable.Empty<string?>().GetEnumerator());

    public string Of(Type type, ICustomAttributeProvider place) => Of(type, TupleNames(place).GetEnumerator());

    private string Of(Type type, IEnumerator<string?> tupleNames)
    {
        if (Keywords.TryGetValue(type, out var keyword))
            return keyword;
        if (type.IsGenericParameter)
            return type.Name;
        if (type.IsArray)
            return $"{Of(type.GetElementType()!, tupleNames)}[{new string(',', type.GetArrayRank() - 1)}]";
        if (type.IsPointer)
            return Of(type.GetElementType()!, tupleNames) + "*";
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Nullable<>))
            return Of(type.GetGenericArguments()[0], tupleNames) + "?";
        return typeof(ITuple).IsAssignableFrom(type) && type.IsValueType && type.IsGenericType ? Tuple(type, tupleNames) : Plain(type, tupleNames);
    }

    private string Tuple(Type type, IEnumerator<string?> tupleNames)
    {
        // A tuple's own element names come before those of the tuples inside it.
        var parts = type.GetGenericArguments();
        var own = parts.Select(_ => tupleNames.MoveNext() ? tupleNames.Current : null).ToArray();
        return $"({string.Join(", ", parts.Select((part, i) => Of(part, tupleNames) + (own[i] is { } name ? " " + name : "")))})";
    }

    private string Plain(Type type, IEnumerator<string?> tupleNames)
    {
        var arguments = type.GetGenericArguments();
        var chain = new Stack<Type>();
        for (var t = type; t is not null; t = t.DeclaringType)
            chain.Push(t);
        var used = 0;
        var segments = chain.Select(level =>
        {
            var count = level.GetGenericArguments().Length - used;
            var own = arguments.Skip(used).Take(count).Select(a => Of(a, tupleNames)).ToArray();
            used += count;
            return level.Name.Split('`')[0] + (own.Length == 0 ? "" : $"<{string.Join(", ", own)}>");
        });
        return Space(chain.Peek().Namespace) + string.Join(".", segments);
    }

    private string Space(string? space) =>
        space is null || space == root || space == "System" || space.StartsWith("System.", StringComparison.Ordinal) ? ""
        : space.StartsWith(root + ".", StringComparison.Ordinal) ? space[(root.Length + 1)..] + "." : space + ".";

    private static IEnumerable<string?> TupleNames(ICustomAttributeProvider place)
    {
        var data = place switch
        {
            ParameterInfo p => p.GetCustomAttributesData(),
            MemberInfo m => m.GetCustomAttributesData(),
            _ => [],
        };
        var found = data.FirstOrDefault(a => a.AttributeType.Name == nameof(TupleElementNamesAttribute));
        return found is null ? [] : ((IEnumerable<CustomAttributeTypedArgument>)found.ConstructorArguments[0].Value!).Select(a => (string?)a.Value);
    }
}
