using Prisma.Circuits;

namespace Prisma.Demo;

/// <summary>How the methods did on one kind of question, or on all together.</summary>
/// <param name="Question">The kind's name, or "all".</param>
/// <param name="Meaning">What was asked.</param>
/// <param name="Questions">How many.</param>
/// <param name="Scores">The methods.</param>
public sealed record ContestTable(string Question, string Meaning, int Questions, IReadOnlyList<MethodScore> Scores);
