import js from "@eslint/js";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["**/dist/**", "**/node_modules/**", "docs/api/**", "**/.turbo/**", "runs/**"] },
  js.configs.recommended,
  ...ts.configs.recommended,
  {
    rules: {
      "no-undef": "off",
      "no-console": "error",
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": "error",
    },
  },
  { files: ["apps/**"], rules: { "no-console": "off" } },
  { files: ["**/*.test.ts", "**/*.cases.ts"], rules: { "max-lines": "off" } },
  { files: ["scripts/**", "bench/**"], rules: { "no-console": "off" } }, // they print: that is what they are for
);
