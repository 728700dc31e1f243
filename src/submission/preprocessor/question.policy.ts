/** A question mark that ends something, not one inside an address; full-width, Arabic and Greek ones included. */
const MARK = /[?？؟](?=["'”’）)\]*_]*(?:[\s?!？！]|$|[^\p{L}\p{N}=&/%#._~-]|\p{Script=Han}))/u;
const ENGLISH =
  /^\W*(?:what|why|how|when|where|who|whom|whose|which|is|are|was|were|do|does|did|can|could|would|will|should|may|have|has)\s(?!to\s)/i;
const CHINESE =
  /什么|什麼|为什么|為什麼|为何|怎么|怎麼|怎样|如何|哪[里裡个個些儿]|谁|誰|多少|几[个點点时]|是否|能否|可否|能不能|可不可以|是不是|有没有|吗|嗎|呢[\s。？?]*$/u;

/** Whether the text asks something, by its marks, or by the words that questions begin with or have in them. */
export function isQuestion(text: string): boolean {
  return MARK.test(text) || ENGLISH.test(text) || CHINESE.test(text);
}
