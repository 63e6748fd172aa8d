namespace Prisma.Tests;

/// <summary>A test that needs a real managed assembly, built apart and named by environment variables; elsewhere it is reported as skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RealLibraryTheoryAttribute : TheoryAttribute
{
    /// <summary>Set to 1, the lists are written anew.</summary>
    public const string Renew = "PRISMA_RENEW_SIGNATURES";

    public RealLibraryTheoryAttribute()
    {
        string[] variables = [StandIn.TorchSharp.Variable, StandIn.OpenCvSharp.Variable];
        if (variables.Any(v => string.IsNullOrEmpty(Environment.GetEnvironmentVariable(v))))
            Skip = $"needs {string.Join(" and ", variables)}";
    }
}
