using System.Text.Json.Nodes;

namespace Prisma.Sae;

/// <summary>Settings that go by one name, and how the library that they imitate calls things.</summary>
/// <param name="Name">The name: <c>saelens-v6/topk</c>.</param>
/// <param name="Settings">Architecture, options, optimiser, schedules, order of a step.</param>
/// <param name="Reference">The other library's names; null for presets of our own.</param>
public sealed record Preset(string Name, JsonObject Settings, ReferenceNames? Reference);
