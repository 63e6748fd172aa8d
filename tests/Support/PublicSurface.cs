using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Prisma.Tests;

/// <summary>Writes the public members of a namespace as one line each: kind, full name, parameter types, names, order and defaults.</summary>
internal static class PublicSurface
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>The lines of an assembly's public types in a root namespace (and below it).</summary>
    /// <param name="assembly">Any loaded assembly; no code of it runs.</param>
    /// <param name="root">Root namespace; it is left out of the names.</param>
    /// <param name="inherited">Whether a member of a base type of the same assembly is also written as the derived type's own.</param>
    public static SortedSet<string> Of(Assembly assembly, string root, bool inherited)
    {
        var lines = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var type in assembly.GetExportedTypes())
            if (type.Namespace == root || type.Namespace?.StartsWith(root + ".", StringComparison.Ordinal) == true)
                new TypeLines(type, new SignatureNames(root), inherited).AddTo(lines);
        return lines;
    }

    private sealed class TypeLines(Type type, SignatureNames names, bool inherited)
    {
        private readonly string _name = names.Of(type);

        public void AddTo(SortedSet<string> lines)
        {
            lines.UnionWith(Head());
            if (type.IsEnum)
                lines.UnionWith(type.GetFields(BindingFlags.Public | BindingFlags.Static)
                    .Select(f => $"{_name}.{f.Name} = {Convert.ToString(f.GetRawConstantValue(), CultureInfo.InvariantCulture)}"));
            else if (!typeof(Delegate).IsAssignableFrom(type))
                foreach (var level in Levels())
                    lines.UnionWith(Members(level));
        }

        private IEnumerable<string> Head()
        {
            if (typeof(Delegate).IsAssignableFrom(type))
            {
                var invoke = type.GetMethod("Invoke")!;
                yield return $"delegate {_name}({Parameters(invoke)}) -> {Result(invoke.ReturnParameter)}";
                yield break;
            }
            if (type.IsEnum)
            {
                yield return $"enum {_name} : {names.Of(Enum.GetUnderlyingType(type))}";
                yield break;
            }
            var kind = type.IsInterface ? "interface" : type.IsValueType ? "struct" : type.IsAbstract && type.IsSealed ? "static class" : "class";
            yield return $"{kind} {_name}{Constraints(type.GetGenericArguments())}";
            for (var up = type.BaseType; up is not null && up != typeof(object) && up != typeof(ValueType); up = up.BaseType)
                if (up.IsVisible)
                    yield return $"{_name} : {names.Of(up)}";
            foreach (var contract in type.GetInterfaces().Where(i => i.IsVisible))
                yield return $"{_name} : {names.Of(contract)}";
        }

        private IEnumerable<Type> Levels()
        {
            yield return type;
            if (!inherited)
                yield break;
            for (var up = type.BaseType; up is not null && up.Assembly == type.Assembly; up = up.BaseType)
                yield return up;
            if (type.IsInterface)
                foreach (var contract in type.GetInterfaces().Where(i => i.Assembly == type.Assembly))
                    yield return contract;
        }

        private IEnumerable<string> Members(Type level)
        {
            foreach (var field in level.GetFields(Declared))
                yield return $"{Static(field.IsStatic)}{_name}.{field.Name} : {names.Of(field.FieldType, field)}{Value(field)}";
            if (level == type)
                foreach (var constructor in level.GetConstructors())
                    yield return $"new {_name}({Parameters(constructor)})";
            foreach (var property in level.GetProperties(Declared))
                foreach (var line in Accessors(property))
                    yield return line;
            foreach (var handler in level.GetEvents(Declared))
                yield return $"event {_name}.{handler.Name} : {names.Of(handler.EventHandlerType!)}";
            foreach (var method in level.GetMethods(Declared).Where(m => !IsAccessor(m) && !m.Name.Contains('<') && !IsOverrideOfForeign(m)))
                yield return $"{Static(method.IsStatic)}{_name}.{method.Name}{Generics(method)}({Parameters(method)}) -> {Result(method.ReturnParameter)}"
                    + Constraints(method.IsGenericMethod ? method.GetGenericArguments() : []);
        }

        private IEnumerable<string> Accessors(PropertyInfo property)
        {
            var index = property.GetIndexParameters();
            var name = index.Length == 0 ? property.Name : $"this[{string.Join(", ", index.Select(Parameter))}]";
            foreach (var accessor in new[] { property.GetMethod, property.SetMethod })
            {
                if (accessor is not { IsPublic: true })
                    continue;
                var init = accessor.ReturnParameter.GetRequiredCustomModifiers().Any(m => m.Name == nameof(IsExternalInit));
                var verb = accessor == property.GetMethod ? "get" : init ? "init" : "set";
                yield return $"{Static(accessor.IsStatic)}{_name}.{name} {{ {verb} }} : {names.Of(property.PropertyType, property)}";
            }
        }

        // ToString, Equals and their like can be called on anything, whoever overrides them.
        private bool IsOverrideOfForeign(MethodInfo method) => method.GetBaseDefinition().DeclaringType!.Assembly != type.Assembly;

        private static bool IsAccessor(MethodInfo method) =>
            method.IsSpecialName && !method.Name.StartsWith("op_", StringComparison.Ordinal);

        private static string Static(bool isStatic) => isStatic ? "static " : "";

        private static string Value(FieldInfo field) => field.IsLiteral ? " = " + Literal(field.GetRawConstantValue(), field.FieldType) : "";

        private string Parameters(MethodBase method)
        {
            var list = string.Join(", ", method.GetParameters().Select(Parameter));
            return method.IsDefined(typeof(ExtensionAttribute), false) ? "this " + list : list;
        }

        private string Parameter(ParameterInfo p)
        {
            var modifier = p.IsOut ? "out " : p.IsIn && p.ParameterType.IsByRef ? "in " : p.ParameterType.IsByRef ? "ref " : "";
            if (p.GetCustomAttributesData().Any(a => a.AttributeType.Name is nameof(ParamArrayAttribute) or nameof(ParamCollectionAttribute)))
                modifier = "params ";
            var type = p.ParameterType.IsByRef ? p.ParameterType.GetElementType()! : p.ParameterType;
            var fallback = p.HasDefaultValue ? " = " + Literal(p.RawDefaultValue, type) : p.IsOptional ? " = default" : "";
            return $"{modifier}{names.Of(type, p)} {p.Name}{fallback}";
        }

        private string Result(ParameterInfo result) =>
            result.ParameterType.IsByRef ? "ref " + names.Of(result.ParameterType.GetElementType()!, result) : names.Of(result.ParameterType, result);

        private string Generics(MethodInfo method) =>
            method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(a => names.Of(a)))}>" : "";

        private string Constraints(Type[] arguments) => string.Concat(arguments.Select(argument =>
        {
            var special = argument.IsGenericParameter ? argument.GenericParameterAttributes & GenericParameterAttributes.SpecialConstraintMask : 0;
            var rules = new List<string>();
            if (special.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint))
                rules.Add("struct");
            else if (special.HasFlag(GenericParameterAttributes.DefaultConstructorConstraint))
                rules.Add("new()");
            if (special.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint))
                rules.Insert(0, "class");
            if (argument.IsGenericParameter)
                rules.AddRange(argument.GetGenericParameterConstraints().Where(c => c != typeof(ValueType)).Select(c => names.Of(c)));
            return rules.Count == 0 ? "" : $" where {argument.Name} : {string.Join(", ", rules)}";
        }));

        private static string Literal(object? value, Type type) => value switch
        {
            null => type.IsValueType && Nullable.GetUnderlyingType(type) is null ? "default" : "null",
            _ when (Nullable.GetUnderlyingType(type) ?? type) is { IsEnum: true } e => Enum.GetName(e, Enum.ToObject(e, value)) ?? $"{value}",
            bool b => b ? "true" : "false",
            string s => $"\"{s}\"",
            char c => $"'{c}'",
            _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        };
    }
}
